#include "buffer.h"
#include "heap.h"
#include "roadrunner.h"

uint32_t buffer(uint32_t length) {
	static uint32_t own, own_length;
	uint32_t lent = output_buffer(length);
	if (lent) return lent;
	if (own && own_length == length) return own;
	if (own) {
		release_memory_region(own);
		heap_free(own);
	}
	own = heap_allocate(length);
	own_length = length;
	if (own && locate_memory_region(own, length)) {
		heap_free(own);
		own = 0;
	}
	return own;
}
