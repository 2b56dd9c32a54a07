// The payloads of package payloads, which documents them.
#pragma once

#include <stdint.h>

// fill writes a payload: kind 0 is text, 1 records, 2 bytes.
void fill(uint8_t *to, uint32_t length, uint32_t kind, uint64_t seed);

// rewrite changes every page of a payload.
void rewrite(uint8_t *payload, uint32_t length);
