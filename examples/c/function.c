// A function in C without a C library: docs/guest-abi.md says what each export is for.
// Build it in this folder, and measure with it:
//
//	c=../../workloads/c
//	clang --target=wasm32 -O3 -ffreestanding -nostdlib -mbulk-memory -Wl,--no-entry -I $c -o function.wasm function.c $c/buffer.c $c/digest.c $c/fill.c $c/heap.c
//
// rrbench sweep --transports user/copy,kernel/stream --sizes 1MiB --guest function.wasm
#include "buffer.h"
#include "digest.h"
#include "fill.h"
#include "heap.h"
#include "roadrunner.h"

uint32_t allocate_memory(uint32_t length) { return heap_allocate(length); }

void deallocate_memory(uint32_t pointer, uint32_t length) { heap_free(pointer); }

uint64_t handle(uint32_t pointer, uint32_t length) {
	return digest((const uint8_t *)pointer, length);
}

uint64_t handle_write(uint32_t pointer, uint32_t length) {
	uint64_t result = handle(pointer, length);
	rewrite((uint8_t *)pointer, length);
	return result;
}

// produce makes the payload where the host wants it, which spares a copy; see buffer.c.
uint32_t produce(uint32_t length, uint64_t seed) {
	uint32_t pointer = buffer(length);
	if (pointer) fill_text((uint8_t *)pointer, length, seed, 0);
	return pointer;
}

int32_t send(uint32_t pointer, uint32_t length) { return send_to_host(pointer, length); }
