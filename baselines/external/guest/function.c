// B of http/external as a command of WASI preview 1 with WasmEdge's sockets, which needs nothing of this project's host: an
// HTTP server on loopback that takes payloads by docs/external.md, raw alone. Its argument is the port.
#include "digest.h"
#include "heap.h"
#include "http.h"
#include "wasi.h"

WASI(args_sizes_get) int32_t args_sizes_get(uint32_t *count, uint32_t *length);
WASI(args_get) int32_t args_get(char **arguments, char *buffer);
WASI(proc_exit) _Noreturn void proc_exit(uint32_t status);

#define CONNECTIONS 128u

typedef struct {
	int32_t socket; // -1 for none
	uint32_t have;  // bytes in header
	char header[2048];
	// Of a body: where it goes, how long it is, and how much of it has come; 0 while a header is read.
	uint8_t *body;
	uint32_t room, length, taken;
} Connection;

static Connection connections[CONNECTIONS];
static Subscription wanted[CONNECTIONS + 1];
static Event events[CONNECTIONS + 1];

static _Noreturn void fail(const char *why, int32_t error) {
	static char message[128];
	Text text = TEXT(message);
	put(&text, why);
	put_number(&text, (uint64_t)error);
	put(&text, "\n");
	Vector line = {text.at, text.length};
	uint32_t n;
	fd_write(2, &line, 1, &n);
	proc_exit(1);
}

static int32_t listen(uint32_t port) {
	uint8_t loopback[4] = {127, 0, 0, 1};
	Vector where = {loopback, sizeof loopback};
	int32_t listener = -1;
	int32_t error = sock_open(FAMILY_IPV4, KIND_STREAM, &listener);
	if (!error) error = sock_bind(listener, &where, port);
	if (!error) error = sock_listen(listener, CONNECTIONS);
	if (!error) error = fd_fdstat_set_flags(listener, FLAG_NONBLOCK);
	if (error) fail("listen: WASI error ", error);
	return listener;
}

// answer returns whether the connection goes on. The kernel has room for all of a short answer.
static int answer(const Connection *c, const char *status, const Text *body) {
	static char message[512];
	Text text = TEXT(message);
	put(&text, "HTTP/1.1 ");
	put(&text, status);
	put(&text, body ? "\r\nContent-Type: application/json" : "\r\nConnection: close");
	put(&text, "\r\nContent-Length: ");
	put_number(&text, body ? body->length : 0);
	put(&text, "\r\n\r\n");
	if (body) put_bytes(&text, body->at, body->length);
	Vector whole = {text.at, text.length};
	uint32_t n = 0;
	return !fd_write(c->socket, &whole, 1, &n) && n == text.length && body;
}

// consume reads a whole body and answers with its length and digest.
static int consume(Connection *c) {
	static char json[128];
	Text text = TEXT(json);
	uint64_t seen = digest(c->body, c->length);
	uint8_t bytes[8];
	for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(seen >> (56 - 8 * i));
	put(&text, "{\"length\":");
	put_number(&text, c->length);
	put(&text, ",\"digest\":\"");
	put_hex(&text, bytes, sizeof bytes);
	put(&text, "\"}");
	c->have = c->length = c->taken = 0;
	return answer(c, "200 OK", &text);
}

// begin makes room for the body of a request whose header is complete.
static int begin(Connection *c, uint32_t head) {
	Header h;
	Span value;
	uint64_t length = 0;
	if (!parse(c->header, head, &h) || !same(h.first, "post")) return answer(c, "405 Method Not Allowed", 0);
	if (find(&h, "rrbench-codec", &value) != 1 || !same(value, "raw")) return answer(c, "415 Unsupported Media Type", 0);
	if (find(&h, "content-length", &value) != 1 || !number(value, &length)) return answer(c, "411 Length Required", 0);
	uint32_t came = c->have - head;
	if (!length || came > length) return answer(c, "400 Bad Request", 0);
	if (length > c->room) {
		if (c->room) heap_free((uint32_t)(uintptr_t)c->body);
		uint32_t at = length <= UINT32_MAX ? heap_allocate((uint32_t)length) : 0;
		c->body = (uint8_t *)(uintptr_t)at;
		c->room = at ? (uint32_t)length : 0;
		if (!at) return answer(c, "413 Request Entity Too Large", 0);
	}
	c->length = (uint32_t)length;
	c->taken = came;
	__builtin_memcpy(c->body, c->header + head, came);
	return c->taken < c->length || consume(c);
}

// step takes what has come, and returns whether the connection goes on.
static int step(Connection *c) {
	for (;;) {
		Vector into = {c->header + c->have, sizeof c->header - c->have};
		if (c->length) into = (Vector){c->body + c->taken, c->length - c->taken};
		uint32_t n = 0;
		int32_t error = fd_read(c->socket, &into, 1, &n);
		if (error == EAGAIN) return 1;
		if (error == EINTR) continue;
		if (error || !n) return 0;
		if (c->length) {
			c->taken += n;
			if (c->taken == c->length && !consume(c)) return 0;
			continue;
		}
		uint32_t seen = c->have;
		c->have += n;
		uint32_t head = header_end(c->header, c->have, seen);
		if (head ? !begin(c, head) : c->have == sizeof c->header) return 0;
	}
}

static void accept(int32_t listener) {
	int32_t socket = -1;
	if (sock_accept(listener, FLAG_NONBLOCK, &socket)) return;
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		Connection *c = &connections[i];
		if (c->socket >= 0) continue;
		c->socket = socket;
		c->have = c->length = c->taken = 0;
		return;
	}
	fd_close(socket);
}

__attribute__((export_name("_start"))) void start(void) {
	static char *arguments[4];
	static char buffer[4096];
	uint32_t count = 0, length = 0;
	uint64_t port = 0;
	if (args_sizes_get(&count, &length) || count != 2 || length > sizeof buffer || args_get(arguments, buffer)) proc_exit(64);
	for (length = 0; arguments[1][length];) length++;
	if (!number((Span){arguments[1], length}, &port) || port > 0xffff) proc_exit(64);
	for (uint32_t i = 0; i < CONNECTIONS; i++) connections[i].socket = -1;
	int32_t listener = listen((uint32_t)port);
	for (;;) {
		uint32_t n = 1, ready = 0;
		wanted[0] = (Subscription){.userdata = CONNECTIONS, .tag = TAG_READ, .of.descriptor = listener};
		for (uint32_t i = 0; i < CONNECTIONS; i++)
			if (connections[i].socket >= 0) wanted[n++] = (Subscription){.userdata = i, .tag = TAG_READ, .of.descriptor = connections[i].socket};
		int32_t error = poll_oneoff(wanted, events, n, &ready);
		if (error && error != EINTR) fail("poll: WASI error ", error);
		for (uint32_t i = 0; i < ready; i++) {
			if (events[i].userdata == CONNECTIONS) {
				accept(listener);
				continue;
			}
			Connection *c = &connections[events[i].userdata];
			if (step(c)) continue;
			fd_close(c->socket);
			c->socket = -1;
		}
	}
}
