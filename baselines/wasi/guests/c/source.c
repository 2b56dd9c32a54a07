// A: a client that sends one raw payload to all its targets.
#include "admission.h"
#include "delivery.h"
#include "heap.h"
#include "fill.h"
#include "guest.h"
#include "http.h"
#include "memory.h"
#include "wasi.h"

#define HEADER_LIMIT 4096u

typedef enum { SENDING, RECEIVING, DONE } Phase;

typedef struct Route {
	struct Route *next;
	uint32_t address, port;
	uint8_t nonce[NONCE_SIZE];
	// fresh: the next request is the first of its connection, and expects that answer.
	int fresh;
	uint8_t expected[ANSWER_SIZE];
	int32_t socket;
	Phase phase;
	// closes: the connection cannot be used again.
	int closes;
	// sent counts the bytes of the request and the body behind it.
	Text request;
	uint32_t sent;
	// have counts the bytes of the answer, head those of its header.
	uint32_t have, head;
	Delivery reply;
	int64_t acknowledged;
	// why is empty after a success.
	Text why;
	char request_text[512];
	char answer[HEADER_LIMIT + DELIVERY_LIMIT];
	char why_text[DELIVERY_TEXT];
} Route;

static Route *first, **last = &first;
static uint32_t count;
static uint8_t *encoded;
static Subscription *wanted;
static Event *events;

static Buffer payload;
static uint32_t prepared;

static void *allocate(uint64_t length) {
	uint32_t at = length <= UINT32_MAX ? heap_allocate((uint32_t)length) : 0;
	if (!at) {
		put(fail(), "there is no memory");
		return 0;
	}
	void *memory = (void *)(uintptr_t)at;
	__builtin_memset(memory, 0, (uint32_t)length);
	return memory;
}

EXPORT(target) uint8_t *target(uint32_t address, uint32_t port) {
	Route *route = allocate(sizeof *route);
	if (!route) return 0;
	route->address = address;
	route->port = port;
	route->socket = -1;
	*last = route;
	last = &route->next;
	count++;
	return route->nonce;
}

static void hang_up(Route *route) {
	if (route->socket >= 0) fd_close(route->socket);
	route->socket = -1;
}

// explain begins the text of a failure, which ends the exchange.
static Text *explain(Route *route, const char *step) {
	route->why = TEXT(route->why_text);
	route->phase = DONE;
	route->closes = 1;
	put(&route->why, step);
	put(&route->why, "target ");
	put_address(&route->why, route->address, route->port);
	return &route->why;
}

static void explain_error(Route *route, const char *step, int32_t error) {
	Text *why = explain(route, step);
	put(why, ": WASI error ");
	put_number(why, (uint64_t)error);
}

// dial connects, as long as the host has patience.
static int dial(Route *route) {
	uint32_t address = route->address;
	uint8_t bytes[4] = {address >> 24, address >> 16, address >> 8, address};
	Vector where = {bytes, sizeof bytes};
	int32_t error = sock_open(FAMILY_IPV4, KIND_STREAM, &route->socket);
	if (error) route->socket = -1;
	if (!error) error = sock_connect(route->socket, &where, route->port);
	if (!error) error = fd_fdstat_set_flags(route->socket, FLAG_NONBLOCK);
	if (error) explain_error(route, "connect: ", error);
	route->fresh = 1;
	return !error;
}

static void start(Route *route, const char *method, uint32_t length) {
	route->phase = SENDING;
	route->closes = 0;
	route->sent = route->have = route->head = 0;
	route->why.length = 0;
	if (route->socket < 0 && !dial(route)) return;
	route->request = TEXT(route->request_text);
	Text *request = &route->request;
	put(request, method);
	put(request, " / HTTP/1.1\r\nHost: ");
	put_address(request, route->address, route->port);
	if (route->fresh) {
		uint8_t proof[PROOF_SIZE];
		if (!prove(route->nonce, proof, route->expected)) put(explain(route, "connect: "), ": the host has no random numbers");
		put(request, "\r\nAuthorization: rrbench ");
		put_hex(request, proof, sizeof proof);
	}
	if (length) {
		put(request, "\r\nContent-Type: application/octet-stream\r\nContent-Length: ");
		put_number(request, length);
	}
	put(request, "\r\n\r\n");
}

// transmit sends what the socket takes of the request and the body.
static void transmit(Route *route, const uint8_t *body, uint32_t length) {
	uint32_t head = route->request.length;
	while (route->sent < head + length) {
		uint32_t in_body = route->sent > head ? route->sent - head : 0;
		uint32_t in_head = route->sent < head ? route->sent : head;
		Vector rest[2] = {{route->request.at + in_head, head - in_head}, {body + in_body, length - in_body}};
		uint32_t n = 0;
		// One vector is the cheaper way where it is enough.
		int32_t error = in_head < head ? fd_write(route->socket, rest, 2, &n) : fd_write(route->socket, rest + 1, 1, &n);
		if (error == EAGAIN) return;
		if (error && error != EINTR) {
			// The target may have said why it wants no more.
			route->closes = 1;
			break;
		}
		route->sent += n;
	}
	route->phase = RECEIVING;
}

// conclude judges an answer that is complete.
static void conclude(Route *route, const Header *header, uint32_t length) {
	const char *text = route->answer + route->head + sizeof(Delivery);
	Delivery *reply = &route->reply;
	uint8_t answer[ANSWER_SIZE];
	Span field;
	int sound = length >= sizeof *reply;
	if (sound) {
		__builtin_memcpy(reply, route->answer + route->head, sizeof *reply);
		sound = reply->magic == DELIVERY_MAGIC && reply->text == length - sizeof *reply;
	}
	int ok = same(header->second, "200");
	int failed_there = sound && reply->text;
	int ordered = sound && reply->received <= reply->copied_in && reply->copied_in <= reply->delivered && reply->delivered <= reply->consumed;
	int known = !route->fresh || (find(header, "authentication-info", &field) == 1 && get_hex(field, answer, sizeof answer) && equal(answer, route->expected, sizeof answer));
	if (ok && ordered && !failed_there && known) {
		route->fresh = 0;
		route->phase = DONE;
		route->acknowledged = now();
		return;
	}
	Text *why = explain(route, "");
	put(why, " answered ");
	put_bytes(why, header->second.at, header->second.length);
	put(why, " ");
	put_bytes(why, header->third.at, header->third.length);
	if (failed_there) {
		put(why, ": ");
		put_bytes(why, text, reply->text);
	} else {
		put(why, !ok ? " (is a function of http/wasi listening there?)" : ordered ? ", but it does not know the endpoint's nonce" : ", but it is no delivery of this protocol");
	}
}

// receive reads what has come of the answer.
static void receive(Route *route) {
	while (route->phase == RECEIVING) {
		Vector into = {route->answer + route->have, sizeof route->answer - route->have};
		if (!into.length) {
			put(explain(route, "read the reply: "), ": it is too long");
			return;
		}
		uint32_t n = 0, seen = route->have;
		int32_t error = fd_read(route->socket, &into, 1, &n);
		if (error == EAGAIN) return;
		if (error == EINTR) continue;
		if (error) {
			explain_error(route, "read the reply: ", error);
			return;
		}
		if (!n) {
			put(explain(route, "read the reply: "), " closed the connection");
			return;
		}
		route->have += n;
		if (!route->head) route->head = header_end(route->answer, route->have, seen);
		if (!route->head) continue;
		Header header;
		Span value;
		uint64_t length = 0;
		if (!parse(route->answer, route->head, &header) || !same(header.first, "http/1.1") ||
		    find(&header, "content-length", &value) != 1 || !number(value, &length) || length > sizeof route->answer - route->head) {
			put(explain(route, "read the reply: "), ": it is none of HTTP/1.1, or too long");
			return;
		}
		if (find(&header, "connection", &value) && same(value, "close")) route->closes = 1;
		if (route->have >= route->head + length) conclude(route, &header, (uint32_t)length);
	}
}

// await waits until one of the routes before end can go on, or the deadline, 0 for none. It returns whether
// there is time left.
static int await(Route *from, Route *end, int64_t deadline) {
	uint32_t n = 0, happened = 0;
	for (Route *route = from; route != end; route = route->next) {
		if (route->phase == DONE) continue;
		Subscription next = {.userdata = (uintptr_t)route, .tag = TAG_READ, .of.descriptor = route->socket};
		wanted[n++] = next;
		if (route->phase != SENDING) continue;
		next.tag = TAG_WRITE;
		wanted[n++] = next;
	}
	if (deadline) {
		Subscription clock = {.tag = TAG_CLOCK};
		clock.of.clock.id = CLOCK_MONOTONIC;
		clock.of.clock.timeout = (uint64_t)deadline;
		clock.of.clock.flags = CLOCK_ABSOLUTE;
		wanted[n++] = clock;
	}
	if (poll_oneoff(wanted, events, n, &happened)) return 0;
	for (uint32_t i = 0; i < happened; i++) {
		if (events[i].tag == TAG_CLOCK) return 0;
		Route *route = (Route *)(uintptr_t)events[i].userdata;
		if (events[i].tag == TAG_READ && route->phase == SENDING) {
			// An answer before its time: the target wants no more.
			route->phase = RECEIVING;
			route->closes = 1;
		}
	}
	return 1;
}

// exchange_with sends a request to the targets before end and reads the answers.
static void exchange_with(Route *from, Route *end, const char *method, const uint8_t *body, uint32_t length, int64_t deadline) {
	for (Route *route = from; route != end; route = route->next) start(route, method, length);
	for (int in_time = 1;;) {
		uint32_t pending = 0;
		for (Route *route = from; route != end; route = route->next) {
			if (route->phase == SENDING) transmit(route, body, length);
			if (route->phase == RECEIVING) receive(route);
			if (route->phase != DONE && !in_time) put(explain(route, "send: "), " did not answer before the deadline (a longer deadline may help)");
			if (route->phase != DONE) pending++;
			else if (route->closes) hang_up(route);
		}
		if (!pending) return;
		in_time = await(from, end, deadline);
	}
}

// exchange does that with every target, with all at once or one after the other.
static void exchange(const char *method, const uint8_t *body, uint32_t length, int64_t deadline) {
	for (Route *from = first; from;) {
		Route *end = in_turn ? from->next : 0;
		exchange_with(from, end, method, body, length, deadline);
		from = end;
	}
}

EXPORT(open) uint32_t open(void) {
	encoded = allocate((uint64_t)count * DELIVERY_LIMIT);
	wanted = allocate((uint64_t)(2 * count + 1) * sizeof *wanted);
	events = allocate((uint64_t)(2 * count + 1) * sizeof *events);
	if (!encoded || !wanted || !events || !reserve(&payload, payload_size)) return 1;
	exchange("GET", 0, 0, from_now(patience));
	for (Route *route = first; route; route = route->next) {
		if (!route->why.length) continue;
		put_bytes(fail(), route->why.at, route->why.length);
		return 1;
	}
	return 0;
}

EXPORT(prepare) uint32_t prepare(uint32_t kind, uint64_t seed, uint64_t size) {
	prepared = 0;
	if (!size) {
		put(fail(), "payload of 0 bytes: it must have at least one");
		return 1;
	}
	if (!reserve(&payload, size)) return 1;
	fill(payload.at, (uint32_t)size, kind, seed);
	prepared = (uint32_t)size;
	return 0;
}

EXPORT(rehearse) uint32_t rehearse(uint32_t kind, uint64_t seed, uint64_t size) {
	if (prepare(kind, seed, size)) return 1;
	handle(payload.at, prepared);
	return 0;
}

EXPORT(send) uint32_t send(void) {
	if (!encoded || !prepared) {
		put(fail(), "the route is not open, or no payload has been prepared");
		return 1;
	}
	int64_t started = now();
	exchange("POST", payload.at, prepared, from_now(patience));
	uint8_t *at = encoded;
	for (Route *route = first; route; route = route->next, at += DELIVERY_LIMIT) {
		Delivery *delivery = (Delivery *)at;
		*delivery = route->why.length ? (Delivery){.magic = DELIVERY_MAGIC, .text = route->why.length} : route->reply;
		delivery->start = delivery->serialized = delivery->copied_out = started;
		delivery->acknowledged = route->acknowledged;
		__builtin_memcpy(at + sizeof *delivery, route->why.at, delivery->text);
	}
	return 0;
}

EXPORT(deliveries) uint8_t *deliveries(void) { return encoded; }
