// The function that is measured: as the source it asks the host to send a buffer, as the
// target it reads every byte of what arrived and returns the digest.
#include "digest.h"
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

int32_t send(uint32_t pointer, uint32_t length) { return send_to_host(pointer, length); }
