#include "text.h"

void put_bytes(Text *to, const char *bytes, uint32_t length) {
	for (uint32_t i = 0; i < length && to->length < to->room; i++) to->at[to->length++] = bytes[i];
}

void put(Text *to, const char *text) {
	for (; *text && to->length < to->room; text++) to->at[to->length++] = *text;
}

void put_number(Text *to, uint64_t number) {
	char digits[20];
	uint32_t first = sizeof digits;
	do digits[--first] = '0' + number % 10;
	while (number /= 10);
	put_bytes(to, digits + first, sizeof digits - first);
}

void put_hex(Text *to, const uint8_t *bytes, uint32_t length) {
	static const char digits[] = "0123456789abcdef";
	for (uint32_t i = 0; i < length; i++) {
		put_bytes(to, &digits[bytes[i] >> 4], 1);
		put_bytes(to, &digits[bytes[i] & 15], 1);
	}
}

void put_address(Text *to, uint32_t address, uint32_t port) {
	for (int shift = 24; shift >= 0; shift -= 8) {
		put_number(to, address >> shift & 255);
		put(to, shift ? "." : ":");
	}
	put_number(to, port);
}

static int digit_value(char c) {
	if (c >= '0' && c <= '9') return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int get_hex(Span span, uint8_t *bytes, uint32_t length) {
	if (span.length != 2 * length) return 0;
	for (uint32_t i = 0; i < length; i++) {
		int high = digit_value(span.at[2 * i]), low = digit_value(span.at[2 * i + 1]);
		if (high < 0 || low < 0) return 0;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return 1;
}

int same(Span span, const char *lower) {
	for (uint32_t i = 0; i < span.length; i++) {
		char c = span.at[i];
		if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
		// A span has no zero of its own that would match the end.
		if (c != lower[i] || !c) return 0;
	}
	return !lower[span.length];
}
