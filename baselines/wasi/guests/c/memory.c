#include "memory.h"

#include "heap.h"
#include "guest.h"

int reserve(Buffer *buffer, uint64_t length) {
	if (length <= buffer->room) return 1;
	if (buffer->at) heap_free((uint32_t)(uintptr_t)buffer->at);
	uint32_t at = length <= UINT32_MAX ? heap_allocate((uint32_t)length) : 0;
	*buffer = (Buffer){(uint8_t *)(uintptr_t)at, at ? (uint32_t)length : 0};
	if (at) return 1;
	put(fail(), "there is no memory for a payload of ");
	put_number(&failed, length);
	put(&failed, " bytes");
	return 0;
}
