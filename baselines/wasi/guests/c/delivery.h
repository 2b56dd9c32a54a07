// A delivery as package transport encodes it, but for its text, which follows.
#pragma once

#include <stdint.h>

typedef struct {
	uint32_t magic, text;
	int64_t start, serialized, copied_out, received, copied_in, delivered, consumed, acknowledged;
	uint64_t length, digest;
	int64_t usage[4];
} Delivery;

_Static_assert(sizeof(Delivery) == 120, "a delivery lies in memory as on the wire");

#define DELIVERY_MAGIC 0x31445252u
#define DELIVERY_TEXT 1024u
#define DELIVERY_LIMIT (sizeof(Delivery) + DELIVERY_TEXT)
