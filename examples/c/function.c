// A function in C without a C library: docs/guest-abi.md says what each export is for.
// Build it in this folder, and measure with it:
//
//	c=../../workloads/c
//	clang --target=wasm32 -O3 -ffreestanding -nostdlib -mbulk-memory -Wl,--no-entry -I $c -o function.wasm function.c $c/heap.c $c/digest.c
//
// rrbench sweep --transports user/copy,kernel/stream --sizes 1MiB --guest function.wasm
#include "digest.h"
#include "heap.h"
#include "roadrunner.h"

uint32_t allocate_memory(uint32_t length) { return heap_allocate(length); }

void deallocate_memory(uint32_t pointer, uint32_t length) { heap_free(pointer); }

uint64_t handle(uint32_t pointer, uint32_t length) {
	return digest((const uint8_t *)pointer, length);
}

int32_t send(uint32_t pointer, uint32_t length) { return send_to_host(pointer, length); }
