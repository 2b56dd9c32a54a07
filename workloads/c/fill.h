// The payloads of package payloads, which documents them.
#pragma once

#include <stdint.h>

// fill writes a payload: kind 0 is text, 1 records, 2 bytes.
void fill(uint8_t *to, uint32_t length, uint32_t kind, uint64_t seed);

// fill_text writes the part of a text that begins with a block, of 4,096 bytes each.
void fill_text(uint8_t *to, uint32_t length, uint64_t seed, uint64_t block);

// rewrite changes every page of a payload, as a handler does that works on what it got in place.
void rewrite(uint8_t *payload, uint32_t length);
