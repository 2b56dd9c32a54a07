// A heap for guests without a C library: first fit in the order of addresses, neighbours
// joined when freed, so that the next buffer is the one freed last and its pages are warm.
#pragma once

#include <stdint.h>

// heap_allocate returns the offset of length bytes aligned to 16, or 0 when length is 0 or
// there is no memory.
uint32_t heap_allocate(uint32_t length);

// heap_free gives an allocation back. What was never allocated, or freed before, is ignored
// as long as its header was not overwritten.
void heap_free(uint32_t pointer);
