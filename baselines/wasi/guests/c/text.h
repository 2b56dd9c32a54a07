// Texts in memory of fixed size: what does not fit is left out.
#pragma once

#include <stdint.h>

typedef struct {
	char *at;
	uint32_t length, room;
} Text;

#define TEXT(array) ((Text){array, 0, sizeof(array)})

void put(Text *to, const char *text);
void put_bytes(Text *to, const char *bytes, uint32_t length);
void put_number(Text *to, uint64_t number);
void put_hex(Text *to, const uint8_t *bytes, uint32_t length);
// put_address writes an IPv4 address and port, "127.0.0.1:80".
void put_address(Text *to, uint32_t address, uint32_t port);

// Span is a part of a text that lies elsewhere.
typedef struct {
	const char *at;
	uint32_t length;
} Span;

// get_hex reads exactly length bytes from hexadecimal digits, and returns whether the span
// is that.
int get_hex(Span span, uint8_t *bytes, uint32_t length);

// same compares with a text in lower case, and does not see the case of the span.
int same(Span span, const char *lower);
