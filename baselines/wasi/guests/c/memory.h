// A buffer that is kept for the payloads to come.
#pragma once

#include <stdint.h>

typedef struct {
	uint8_t *at;
	uint32_t room;
} Buffer;

// reserve makes a buffer have room for length bytes. What was in it is lost. It returns
// whether there is memory, and begins a failure where not.
int reserve(Buffer *buffer, uint64_t length);
