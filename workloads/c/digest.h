// The digest of package payloads, which documents it and has its test vectors.
#pragma once

#include <stdint.h>

uint64_t digest(const uint8_t *payload, uint32_t length);
