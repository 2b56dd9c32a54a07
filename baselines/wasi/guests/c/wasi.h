// What this guest calls of WASI preview 1, of WasmEdge's sockets and of its host.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md and
// https://github.com/second-state/wasmedge_wasi_socket
#pragma once

#include <stdint.h>

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))

// Calls return 0 or one of these.
enum { EAGAIN = 6, EINTR = 27 };

typedef struct {
	const void *buffer;
	uint32_t length;
} Vector;

typedef struct {
	uint64_t userdata;
	uint8_t tag;
	union {
		struct {
			uint32_t id;
			uint64_t timeout;
			uint64_t precision;
			uint16_t flags;
		} clock;
		int32_t descriptor;
	} of;
} Subscription;

typedef struct {
	uint64_t userdata;
	uint16_t error;
	uint8_t tag;
	uint64_t bytes;
	uint16_t flags;
} Event;

_Static_assert(sizeof(Subscription) == 48 && sizeof(Event) == 32, "layouts are those of preview 1");

enum { TAG_CLOCK = 0, TAG_READ = 1, TAG_WRITE = 2 };
enum { CLOCK_MONOTONIC = 1, CLOCK_ABSOLUTE = 1 };
enum { FLAG_NONBLOCK = 4 };
enum { FAMILY_IPV4 = 1, KIND_STREAM = 2, SHUT_WRITE = 2 };

WASI(clock_time_get) int32_t clock_time_get(uint32_t clock, uint64_t precision, int64_t *time);
WASI(random_get) int32_t random_get(void *buffer, uint32_t length);
WASI(poll_oneoff) int32_t poll_oneoff(const Subscription *in, Event *out, uint32_t count, uint32_t *events);
WASI(fd_read) int32_t fd_read(int32_t descriptor, const Vector *vectors, uint32_t count, uint32_t *length);
WASI(fd_write) int32_t fd_write(int32_t descriptor, const Vector *vectors, uint32_t count, uint32_t *length);
WASI(fd_fdstat_set_flags) int32_t fd_fdstat_set_flags(int32_t descriptor, uint32_t flags);
WASI(fd_close) int32_t fd_close(int32_t descriptor);
WASI(sock_open) int32_t sock_open(uint32_t family, uint32_t kind, int32_t *descriptor);
WASI(sock_bind) int32_t sock_bind(int32_t descriptor, const Vector *address, uint32_t port);
WASI(sock_listen) int32_t sock_listen(int32_t descriptor, uint32_t backlog);
WASI(sock_connect) int32_t sock_connect(int32_t descriptor, const Vector *address, uint32_t port);
WASI(sock_accept) int32_t sock_accept(int32_t descriptor, uint32_t flags, int32_t *accepted);
WASI(sock_getlocaladdr) int32_t sock_getlocaladdr(int32_t descriptor, const Vector *address, uint32_t *port);
WASI(sock_shutdown) int32_t sock_shutdown(int32_t descriptor, uint32_t how);

__attribute__((import_module("rrbench"), import_name("copied_in"))) int64_t copied_in(void);
__attribute__((import_module("rrbench"), import_name("take_usage"))) void take_usage(int64_t usage[4]);
