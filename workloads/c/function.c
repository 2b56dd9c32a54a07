// The function that is measured: as the source it makes a payload and asks the host to send it,
// as the target it reads every byte of what arrived and returns the digest.
#include "buffer.h"
#include "digest.h"
#include "fill.h"
#include "heap.h"
#include "roadrunner.h"

uint32_t allocate_memory(uint32_t length) { return heap_allocate(length); }

void deallocate_memory(uint32_t pointer, uint32_t length) {
	(void)length;
	heap_free(pointer);
}

uint64_t handle(uint32_t pointer, uint32_t length) {
	return digest((const uint8_t *)(uintptr_t)pointer, length);
}

uint64_t handle_write(uint32_t pointer, uint32_t length) {
	uint64_t result = handle(pointer, length);
	rewrite((uint8_t *)(uintptr_t)pointer, length);
	return result;
}

uint32_t produce(uint32_t length, uint64_t seed) {
	uint32_t pointer = buffer(length);
	if (pointer) fill_text((uint8_t *)(uintptr_t)pointer, length, seed, 0);
	return pointer;
}

int32_t send(uint32_t pointer, uint32_t length) { return send_to_host(pointer, length); }
