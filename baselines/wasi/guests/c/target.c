// B: a server that takes raw payloads, from one connection at a time.
#include "admission.h"
#include "delivery.h"
#include "guest.h"
#include "http.h"
#include "memory.h"
#include "wasi.h"

#define HEADER_LIMIT (16u << 10)
// How long a refused peer has to read the answer, in nanoseconds.
#define LINGER 500000000

static int32_t listener = -1;
static uint8_t secret[NONCE_SIZE];
static Buffer body;

static char header[HEADER_LIMIT];
static uint32_t have; // bytes in header

EXPORT(token) uint8_t *token(void) { return secret; }

EXPORT(listen) uint32_t listen(uint32_t address, uint32_t port) {
	uint8_t bytes[4] = {address >> 24, address >> 16, address >> 8, address};
	Vector where = {bytes, sizeof bytes};
	uint32_t chosen = 0;
	if (!reserve(&body, payload_size)) return 0;
	int32_t error = random_get(secret, sizeof secret);
	if (!error) error = sock_open(FAMILY_IPV4, KIND_STREAM, &listener);
	if (!error) error = sock_bind(listener, &where, port);
	if (!error) error = sock_listen(listener, 128);
	if (!error) error = sock_getlocaladdr(listener, &where, &chosen);
	if (!error) return chosen;
	put(fail(), "listen on ");
	put_address(&failed, address, port);
	put(&failed, ": WASI error ");
	put_number(&failed, (uint64_t)error);
	return 0;
}

// await returns whether the socket is ready before the deadline, 0 for none.
static int await(int32_t socket, uint8_t tag, int64_t deadline) {
	Subscription wanted[2] = {{.tag = tag, .of.descriptor = socket}, {.tag = TAG_CLOCK}};
	wanted[1].of.clock.id = CLOCK_MONOTONIC;
	wanted[1].of.clock.timeout = (uint64_t)deadline;
	wanted[1].of.clock.flags = CLOCK_ABSOLUTE;
	Event events[2];
	uint32_t count = 0;
	if (poll_oneoff(wanted, events, deadline ? 2 : 1, &count)) return 0;
	for (uint32_t i = 0; i < count; i++)
		if (events[i].tag == tag) return 1;
	return 0;
}

// receive reads some bytes and returns how many, 0 at the end, for an error and after the
// deadline.
static uint32_t receive(int32_t socket, void *to, uint32_t room, int64_t deadline) {
	Vector into = {to, room};
	for (;;) {
		uint32_t n = 0;
		int32_t error = fd_read(socket, &into, 1, &n);
		if (!error) return n;
		if (error != EAGAIN && error != EINTR) return 0;
		if (error == EAGAIN && !await(socket, TAG_READ, deadline)) return 0;
	}
}

static int transmit(int32_t socket, const Vector *from, int64_t deadline) {
	Vector rest = *from;
	while (rest.length) {
		uint32_t n = 0;
		int32_t error = fd_write(socket, &rest, 1, &n);
		if (error == EAGAIN ? !await(socket, TAG_WRITE, deadline) : error && error != EINTR) return 0;
		rest.buffer = (const char *)rest.buffer + n;
		rest.length -= n;
	}
	return 1;
}

// answer returns whether the connection can go on.
static int answer(int32_t socket, const char *status, Delivery *reply, const Text *why, const uint8_t *proven) {
	static char message[512 + DELIVERY_LIMIT];
	Text text = TEXT(message);
	reply->magic = DELIVERY_MAGIC;
	reply->text = why ? why->length : 0;
	put(&text, "HTTP/1.1 ");
	put(&text, status);
	put(&text, why ? "\r\nConnection: close" : "");
	if (proven) {
		put(&text, "\r\nAuthentication-Info: ");
		put_hex(&text, proven, ANSWER_SIZE);
	}
	put(&text, "\r\nContent-Type: application/octet-stream\r\nContent-Length: ");
	put_number(&text, sizeof *reply + reply->text);
	put(&text, "\r\n\r\n");
	put_bytes(&text, (const char *)reply, sizeof *reply);
	if (why) put_bytes(&text, why->at, why->length);
	Vector whole = {text.at, text.length};
	return transmit(socket, &whole, from_now(patience ? patience : LINGER)) && !why;
}

// refuse answers with a failure and ends the connection. A connection that is closed with
// bytes unread is reset, which can overtake the answer.
static int refuse(int32_t socket, const char *status, const Text *why) {
	Delivery reply = {0};
	static char unread[64 << 10];
	int64_t deadline = from_now(LINGER);
	answer(socket, status, &reply, why, 0);
	sock_shutdown(socket, SHUT_WRITE);
	while (now() < deadline && receive(socket, unread, sizeof unread, deadline)) {}
	return 0;
}

static int refuse_for(int32_t socket, const char *status, const char *reason) {
	put(fail(), reason);
	return refuse(socket, status, &failed);
}

// admitted: the connection has proven that it belongs here.
static int admitted;

// authorized checks the proof in the first request of a connection and makes the answer.
static int authorized(const Header *h, uint8_t made[ANSWER_SIZE]) {
	static const char scheme[] = "rrbench ";
	const uint32_t length = sizeof scheme - 1;
	uint8_t proof[PROOF_SIZE];
	Span field;
	if (find(h, "authorization", &field) != 1 || field.length <= length) return 0;
	for (uint32_t i = 0; i < length; i++)
		if (field.at[i] != scheme[i]) return 0;
	return get_hex((Span){field.at + length, field.length - length}, proof, sizeof proof) && admit(secret, proof, made);
}

// take reads a request's body behind what has come with its header, and handles it.
static int take(int32_t socket, uint32_t head, uint64_t length, int64_t deadline, Delivery *reply) {
	uint64_t taken = have - head;
	if (taken > length) taken = length;
	__builtin_memcpy(body.at, header + head, taken);
	copied_in(); // what came before is no part of this payload
	while (taken < length) {
		uint32_t n = receive(socket, body.at + taken, (uint32_t)(length - taken), deadline);
		if (!n) {
			put(fail(), "received ");
			put_number(&failed, taken);
			put(&failed, " of ");
			put_number(&failed, length);
			put(&failed, " bytes");
			return 0;
		}
		taken += n;
	}
	reply->copied_in = now();
	reply->received = reply->copied_in - copied_in();
	reply->delivered = now();
	reply->digest = handle(body.at, (uint32_t)length);
	reply->length = length;
	reply->consumed = now();
	return 1;
}

// serve_request serves the request whose header has that length, and returns whether the
// connection can go on.
static int serve_request(int32_t socket, uint32_t head, int64_t deadline) {
	Header h;
	Span value;
	uint64_t length = 0;
	Delivery reply = {0};
	uint8_t made[ANSWER_SIZE];
	const uint8_t *proven = 0;
	if (!parse(header, head, &h) || !same(h.third, "http/1.1")) return refuse_for(socket, "400 Bad Request", "this is no request of HTTP/1.1");
	if (!admitted) {
		if (!authorized(&h, made)) return refuse_for(socket, "401 Unauthorized", "the proof is not of this endpoint's nonce");
		admitted = 1;
		proven = made;
	}
	if (!same(h.second, "/")) return refuse_for(socket, "404 Not Found", "there is no function at this path");
	int closes = find(&h, "connection", &value) && same(value, "close");
	int posts = same(h.first, "post");
	if (!posts && !same(h.first, "get")) return refuse_for(socket, "405 Method Not Allowed", "use POST");
	if (posts) {
		uint32_t lengths = find(&h, "content-length", &value);
		if (find(&h, "transfer-encoding", &value) || !lengths) return refuse_for(socket, "411 Length Required", "the request does not tell its body's length");
		find(&h, "content-length", &value);
		if (lengths > 1 || !number(value, &length)) return refuse_for(socket, "400 Bad Request", "the body's length is no number");
		if (!length || length > payload_size) {
			put(fail(), "object of ");
			put_number(&failed, length);
			put(&failed, length ? " bytes is longer than the " : " bytes: it must have at least one, at most ");
			put_number(&failed, payload_size);
			put(&failed, " that this function was set up for");
			return refuse(socket, "413 Request Entity Too Large", &failed);
		}
		if (!take(socket, head, length, deadline, &reply)) return refuse(socket, "400 Bad Request", &failed);
	}
	// What has come behind the request belongs to the next one.
	uint64_t used = head + length;
	uint32_t left = used < have ? have - (uint32_t)used : 0;
	__builtin_memmove(header, header + used * !!left, left);
	have = left;
	take_usage(reply.usage);
	return answer(socket, "200 OK", &reply, 0, proven) && !closes;
}

static void serve_connection(int32_t socket) {
	// A connection has to begin in time; later its source may think for as long as it likes.
	int64_t deadline = from_now(patience);
	have = 0;
	admitted = 0;
	for (;;) {
		uint32_t head = 0, seen = 0;
		while (!(head = header_end(header, have, seen))) {
			seen = have;
			if (have == sizeof header) {
				refuse_for(socket, "431 Request Header Fields Too Large", "the header is too long");
				return;
			}
			uint32_t n = receive(socket, header + have, sizeof header - have, deadline);
			if (!n) return;
			if (!have) deadline = from_now(patience);
			have += n;
		}
		if (!serve_request(socket, head, deadline)) return;
		deadline = 0;
		if (have) deadline = from_now(patience);
	}
}

EXPORT(serve) void serve(void) {
	for (;;) {
		int32_t socket = -1;
		if (sock_accept(listener, FLAG_NONBLOCK, &socket)) continue;
		serve_connection(socket);
		fd_close(socket);
	}
}
