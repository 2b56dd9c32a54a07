// Functions that misbehave, one a build: -DGUEST_<name> picks it. What a variant does not
// do wrong, it does as the measured function does.
#include "../../c/buffer.h"
#include "../../c/digest.h"
#include "../../c/fill.h"
#include "../../c/heap.h"

#ifdef GUEST_wrong_signature
// Exported below with another result than the ABI's.
#define handle handle_of_the_header
#include "../../c/roadrunner.h"
#undef handle
#else
#include "../../c/roadrunner.h"
#endif

#define PAGE 65536u

#define memory_size() ((uint32_t)__builtin_wasm_memory_size(0) * PAGE)

// allocate_memory

#if defined GUEST_lacks_allocate
// none
#elif defined GUEST_allocate_traps
uint32_t allocate_memory(uint32_t length) { (void)length; __builtin_trap(); }
#elif defined GUEST_allocate_zero
uint32_t allocate_memory(uint32_t length) { (void)length; return 0; }
#elif defined GUEST_allocate_outside
uint32_t allocate_memory(uint32_t length) { (void)length; return memory_size() + 16; }
#elif defined GUEST_allocate_straddles
uint32_t allocate_memory(uint32_t length) { return memory_size() - length + 1; }
#elif defined GUEST_allocate_wraps
uint32_t allocate_memory(uint32_t length) { return 0u - length + 8; }
#elif defined GUEST_allocate_same
uint32_t allocate_memory(uint32_t length) {
	static uint32_t only;
	if (!only) only = heap_allocate(length);
	return only;
}
#elif defined GUEST_allocate_sends
// The second allocation happens while the host sends the first: it sends it once more.
uint32_t allocate_memory(uint32_t length) {
	static uint32_t first, first_length;
	if (!first) return first_length = length, first = heap_allocate(length);
	return (uint32_t)-send_to_host(first, first_length);
}
#else
uint32_t allocate_memory(uint32_t length) { return heap_allocate(length); }
#endif

// deallocate_memory

#if defined GUEST_deallocate_traps
void deallocate_memory(uint32_t pointer, uint32_t length) { (void)pointer, (void)length; __builtin_trap(); }
#else
void deallocate_memory(uint32_t pointer, uint32_t length) { (void)length; heap_free(pointer); }
#endif

// handle

#if defined GUEST_lacks_handle
// none
#elif defined GUEST_wrong_signature
EXPORT(handle) uint32_t handle(uint32_t pointer, uint32_t length) { return pointer + length; }
#elif defined GUEST_handle_traps
uint64_t handle(uint32_t pointer, uint32_t length) { (void)pointer, (void)length; __builtin_trap(); }
#elif defined GUEST_handle_reads_outside
uint64_t handle(uint32_t pointer, uint32_t length) { (void)pointer, (void)length; return *(volatile uint64_t *)(memory_size() - 4); }
#elif defined GUEST_handle_loops
uint64_t handle(uint32_t pointer, uint32_t length) {
	for (volatile uint32_t i = 0;; i++) (void)pointer, (void)length;
}
#elif defined GUEST_handle_recurses
uint64_t handle(uint32_t pointer, uint32_t length) {
	if (pointer == 0) return length;
	// Not a tail call: the result is used twice.
	uint64_t deeper = handle(pointer + 1, length);
	return deeper ^ deeper >> 1;
}
#elif defined GUEST_handle_grows
// Takes all the memory it can get.
uint64_t handle(uint32_t pointer, uint32_t length) {
	while (__builtin_wasm_memory_grow(0, 16) != (uintptr_t)-1) {}
	return digest((const uint8_t *)(uintptr_t)pointer, length);
}
#elif defined GUEST_handle_keeps
uint64_t handle(uint32_t pointer, uint32_t length) {
	keep_memory_region(pointer);
	return digest((const uint8_t *)(uintptr_t)pointer, length);
}
#elif defined GUEST_handle_frees
// Frees behind the host's back, twice; the host will free once more.
uint64_t handle(uint32_t pointer, uint32_t length) {
	uint64_t result = digest((const uint8_t *)(uintptr_t)pointer, length);
	heap_free(pointer);
	heap_free(pointer);
	return result;
}
#elif defined GUEST_handle_exits
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit"))) _Noreturn void proc_exit(uint32_t status);
uint64_t handle(uint32_t pointer, uint32_t length) { (void)pointer, (void)length; proc_exit(7); }
#elif defined GUEST_calls
// Does what the payload says: {operation, a, b}; returns what the host answers.
uint64_t handle(uint32_t pointer, uint32_t length) {
	const uint32_t *command = (const uint32_t *)(uintptr_t)pointer;
	if (length < 12) return 0;
	uint32_t a = command[1], b = command[2];
	switch (command[0]) {
	case 1: return (uint64_t)(int64_t)send_to_host(a, b);
	case 2: return (uint64_t)(int64_t)locate_memory_region(a, b);
	case 3: return (uint64_t)(int64_t)keep_memory_region(a);
	case 4: return (uint64_t)(int64_t)release_memory_region(a);
	case 5: return (uint64_t)(int64_t)read_memory_host(a, b);
	case 6: return (uint64_t)(int64_t)write_memory_host(a, b);
	case 7: return heap_allocate(a);
	case 8: heap_free(a); return 0;
	}
	return 0;
}
#elif defined GUEST_handle_obeys
// Does what the payload's digest happens to say, and what hosts must be ready for:
// writes to the payload, sends it on, writes again, keeps it, gives back what it kept,
// grows, allocates and frees beside the host.
uint64_t handle(uint32_t pointer, uint32_t length) {
	static uint32_t kept[4], own[4];
	uint64_t result = digest((const uint8_t *)(uintptr_t)pointer, length);
	uint32_t order = length < 4 ? 0 : (uint32_t)result;
	uint32_t slot = order & 3;
	if ((order & 0x1C) == 0) __builtin_wasm_memory_grow(0, 1);
	if ((order & 0xE0) == 0) {
		heap_free(own[slot]);
		own[slot] = heap_allocate(order >> 20);
		if (own[slot]) __builtin_memset((void *)(uintptr_t)own[slot], order, order >> 20);
	}
	if ((order & 0x300) == 0) __builtin_memset((void *)(uintptr_t)(pointer + slot), 0xB1, length - slot);
	if ((order & 0x400) == 0) send_to_host(pointer, length);
	if ((order & 0x1800) == 0) __builtin_memset((void *)(uintptr_t)pointer, 0xB2, length);
	if ((order & 0xE000) == 0) {
		if (kept[slot]) release_memory_region(kept[slot]);
		keep_memory_region(pointer);
		kept[slot] = pointer;
	}
	return result;
}
#else
uint64_t handle(uint32_t pointer, uint32_t length) { return digest((const uint8_t *)(uintptr_t)pointer, length); }
#endif

// handle_write

#if defined GUEST_lacks_handle || defined GUEST_wrong_signature 
// none
#elif defined GUEST_rewrite_traps
uint64_t handle_write(uint32_t pointer, uint32_t length) { (void)pointer, (void)length; __builtin_trap(); }
#elif defined GUEST_rewrite_lies
uint64_t handle_write(uint32_t pointer, uint32_t length) { return handle(pointer, length) + 1; }
#elif defined GUEST_rewrite_keeps
// Keeps every payload, and writes to all of it.
uint64_t handle_write(uint32_t pointer, uint32_t length) {
	uint64_t result = handle(pointer, length);
	keep_memory_region(pointer);
	__builtin_memset((void *)(uintptr_t)pointer, 0xA3, length);
	return result;
}
#elif defined GUEST_rewrite_frees
// Frees behind the host's back, and uses the memory itself.
uint64_t handle_write(uint32_t pointer, uint32_t length) {
	uint64_t result = handle(pointer, length);
	heap_free(pointer);
	uint32_t own = heap_allocate(length);
	if (own) __builtin_memset((void *)(uintptr_t)own, 0xA3, length);
	__builtin_memset((void *)(uintptr_t)pointer, 0xA3, length);
	return result;
}
#else
uint64_t handle_write(uint32_t pointer, uint32_t length) {
	uint64_t result = handle(pointer, length);
	rewrite((uint8_t *)(uintptr_t)pointer, length);
	return result;
}
#endif

// produce

#if defined GUEST_lacks_produce
// none
#elif defined GUEST_wrong_produce
__attribute__((export_name("produce"))) uint32_t produce_of_another_signature(uint32_t length) { return length; }
#elif defined GUEST_produce_alone
// Asks nothing of its host.
uint32_t produce(uint32_t length, uint64_t seed) { (void)seed; return heap_allocate(length); }
#elif defined GUEST_produce_traps
uint32_t produce(uint32_t length, uint64_t seed) { (void)seed, (void)buffer(length); __builtin_trap(); }
#elif defined GUEST_produce_zero
uint32_t produce(uint32_t length, uint64_t seed) { (void)seed, (void)buffer(length); return 0; }
#elif defined GUEST_produce_inside
// Makes the payload inside a longer region.
uint32_t produce(uint32_t length, uint64_t seed) {
	uint32_t pointer = buffer(length + 32) + 16;
	fill_text((uint8_t *)(uintptr_t)pointer, length, seed, 0);
	return pointer;
}
#elif defined GUEST_produce_longer
uint32_t produce(uint32_t length, uint64_t seed) { (void)seed; return buffer(length + 1); }
#elif defined GUEST_produce_overflows
uint32_t produce(uint32_t length, uint64_t seed) {
	(void)seed;
	uint32_t pointer = buffer(length);
	if (locate_memory_region(pointer, 0xFFFFFFFFu) != -1 || locate_memory_region(0u - length, length) != -1) __builtin_trap();
	return 0u - length;
}
#elif defined GUEST_produce_releases
uint32_t produce(uint32_t length, uint64_t seed) {
	uint32_t pointer = buffer(length);
	fill_text((uint8_t *)(uintptr_t)pointer, length, seed, 0);
	release_memory_region(pointer);
	return pointer;
}
#elif defined GUEST_produce_half
uint32_t produce(uint32_t length, uint64_t seed) {
	uint32_t pointer = buffer(length);
	fill_text((uint8_t *)(uintptr_t)pointer, length / 2, seed, 0);
	__builtin_memset((void *)(uintptr_t)(pointer + length / 2), 0xA5, length - length / 2);
	return pointer;
}
#elif defined GUEST_produce_asks || defined GUEST_produce_sends || defined GUEST_produce_frees
// Asks for what it cannot have, which must do no harm.
uint32_t produce(uint32_t length, uint64_t seed) {
	uint32_t pointer = buffer(length);
#if defined GUEST_produce_asks
	if (output_buffer(0) || output_buffer(length - 1) || output_buffer(length + 1) || output_buffer(0u - length) || buffer(length) != pointer) __builtin_trap();
#elif defined GUEST_produce_sends
	if (send_to_host(pointer, length) != -8) __builtin_trap();
#else
	heap_free(pointer);
	heap_free(pointer);
	uint32_t own = heap_allocate(length);
	if (own) __builtin_memset((void *)(uintptr_t)own, 0xA5, length);
#endif
	fill_text((uint8_t *)(uintptr_t)pointer, length, seed, 0);
	return pointer;
}
#elif defined GUEST_produce_looks
// Traps where it sees in its buffer what it has not put there: anything but zeros and the payload before.
uint32_t produce(uint32_t length, uint64_t seed) {
	static uint32_t last, last_length;
	static uint64_t last_seed;
	static _Alignas(8) uint8_t before[4096];
	uint32_t pointer = buffer(length);
	const uint64_t *at = (const uint64_t *)(uintptr_t)pointer;
	for (uint32_t done = 0; pointer == last && length == last_length && done < length; done += sizeof before) {
		uint32_t part = length - done < sizeof before ? length - done : sizeof before;
		fill_text(before, part, last_seed, done / sizeof before);
		for (uint32_t i = 0; i < part / 8; i++, at++)
			if (*at && *at != ((const uint64_t *)before)[i]) __builtin_trap();
	}
	last = pointer, last_length = length, last_seed = seed;
	fill_text((uint8_t *)(uintptr_t)pointer, length, seed, 0);
	return pointer;
}
#else
uint32_t produce(uint32_t length, uint64_t seed) {
	uint32_t pointer = buffer(length);
	if (pointer) fill_text((uint8_t *)(uintptr_t)pointer, length, seed, 0);
	return pointer;
}
#endif

// send

#if defined GUEST_lacks_send
// none
#elif defined GUEST_send_traps
int32_t send(uint32_t pointer, uint32_t length) { (void)pointer, (void)length; __builtin_trap(); }
#elif defined GUEST_send_never
int32_t send(uint32_t pointer, uint32_t length) { (void)pointer, (void)length; return 0; }
#elif defined GUEST_send_lies_longer
int32_t send(uint32_t pointer, uint32_t length) { return send_to_host(pointer, length + 1); }
#elif defined GUEST_send_lies_shorter
int32_t send(uint32_t pointer, uint32_t length) { return send_to_host(pointer, length - 1); }
#elif defined GUEST_send_wraps
int32_t send(uint32_t pointer, uint32_t length) { (void)length; return send_to_host(pointer, 0xFFFFFFFFu); }
#elif defined GUEST_send_nothing
int32_t send(uint32_t pointer, uint32_t length) { (void)length; return send_to_host(pointer, 0); }
#elif defined GUEST_send_unallocated
int32_t send(uint32_t pointer, uint32_t length) { return send_to_host(pointer + 16, length); }
#elif defined GUEST_send_twice
int32_t send(uint32_t pointer, uint32_t length) {
	int32_t status = send_to_host(pointer, length);
	return status ? status : send_to_host(pointer, length);
}
#elif defined GUEST_send_writes
// Writes over what it has sent as soon as it can.
int32_t send(uint32_t pointer, uint32_t length) {
	int32_t status = send_to_host(pointer, length);
	__builtin_memset((void *)(uintptr_t)pointer, 0xA1, length);
	return status;
}
#elif defined GUEST_send_frees
// Frees what it has sent, twice and behind the host's back, and uses the memory itself.
int32_t send(uint32_t pointer, uint32_t length) {
	int32_t status = send_to_host(pointer, length);
	heap_free(pointer);
	heap_free(pointer);
	uint32_t own = heap_allocate(length);
	if (own) __builtin_memset((void *)(uintptr_t)own, 0xA2, length);
	return status;
}
#elif defined GUEST_send_gives_up
// Has the host forget what it sends, before it does.
int32_t send(uint32_t pointer, uint32_t length) { release_memory_region(pointer); return send_to_host(pointer, length); }
#elif defined GUEST_send_gives_up_later
int32_t send(uint32_t pointer, uint32_t length) {
	int32_t status = send_to_host(pointer, length);
	if (!release_memory_region(pointer)) locate_memory_region(pointer, length);
	return status;
}
#elif defined GUEST_send_asks
int32_t send(uint32_t pointer, uint32_t length) {
	if (output_buffer(length)) __builtin_trap();
	return send_to_host(pointer, length);
}
#elif defined GUEST_send_cheers
// Says that all is well whatever the host answered.
int32_t send(uint32_t pointer, uint32_t length) { send_to_host(pointer, length); return 0; }
#elif defined GUEST_send_from_own_memory
// Sends a buffer that it allocated by itself and made known.
int32_t send(uint32_t pointer, uint32_t length) {
	uint32_t own = heap_allocate(length);
	if (!own) return -6;
	__builtin_memcpy((void *)(uintptr_t)own, (void *)(uintptr_t)pointer, length);
	int32_t status = locate_memory_region(own, length);
	if (!status) status = send_to_host(own, length);
	int32_t released = release_memory_region(own);
	heap_free(own);
	return status ? status : released;
}
#else
int32_t send(uint32_t pointer, uint32_t length) { return send_to_host(pointer, length); }
#endif

// _initialize

#if defined GUEST_initialize_loops
EXPORT(_initialize) void initialize(void) {
	for (volatile uint32_t i = 0;; i++) {}
}
#elif defined GUEST_initialize_sleeps
// Waits for an hour by its system's clock.
__attribute__((import_module("wasi_snapshot_preview1"), import_name("poll_oneoff")))
uint32_t poll_oneoff(const void *subscriptions, void *events, uint32_t count, uint32_t *happened);
EXPORT(_initialize) void initialize(void) {
	static struct { uint64_t userdata, tag, clock, nanoseconds, precision, flags; } hour;
	static uint64_t event[4];
	uint32_t happened;
	hour.clock = 1;
	hour.nanoseconds = 3600000000000;
	poll_oneoff(&hour, event, 1, &happened);
}
#endif

#if defined GUEST_unknown_import
IMPORT(teleport) int32_t teleport(uint32_t pointer);
EXPORT(unused) int32_t unused(uint32_t pointer) { return teleport(pointer); }
#elif defined GUEST_wrong_import
IMPORT(keep_memory_region) int64_t keep_with_another_signature(uint64_t pointer);
EXPORT(unused) int64_t unused(uint64_t pointer) { return keep_with_another_signature(pointer); }
#elif defined GUEST_foreign_import
__attribute__((import_module("env"), import_name("print"))) void print(uint32_t pointer);
EXPORT(unused) void unused(uint32_t pointer) { print(pointer); }
#endif
