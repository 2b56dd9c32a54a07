#include "http.h"

uint32_t header_end(const char *bytes, uint32_t length, uint32_t seen) {
	for (uint32_t i = seen > 3 ? seen - 3 : 0; i + 4 <= length; i++)
		if (bytes[i] == '\r' && bytes[i + 1] == '\n' && bytes[i + 2] == '\r' && bytes[i + 3] == '\n') return i + 4;
	return 0;
}

// line cuts the next line off, without its end; the text ends with one.
static Span line(Span *rest) {
	Span taken = {rest->at, 0};
	while (taken.length + 1 < rest->length && (taken.at[taken.length] != '\r' || taken.at[taken.length + 1] != '\n')) taken.length++;
	uint32_t cut = taken.length + 2 < rest->length ? taken.length + 2 : rest->length;
	rest->at += cut;
	rest->length -= cut;
	return taken;
}

// word cuts off what comes before a blank.
static Span word(Span *rest) {
	Span taken = {rest->at, 0};
	while (taken.length < rest->length && taken.at[taken.length] != ' ') taken.length++;
	uint32_t cut = taken.length < rest->length ? taken.length + 1 : taken.length;
	rest->at += cut;
	rest->length -= cut;
	return taken;
}

int parse(const char *bytes, uint32_t length, Header *header) {
	Span rest = {bytes, length};
	Span start = line(&rest);
	header->first = word(&start);
	header->second = word(&start);
	header->third = start;
	header->fields = rest;
	return header->first.length && header->second.length;
}

static int blank(char c) { return c == ' ' || c == '\t'; }

uint32_t find(const Header *header, const char *name, Span *value) {
	Span rest = header->fields;
	uint32_t found = 0;
	while (rest.length) {
		Span field = line(&rest), key = {field.at, 0};
		while (key.length < field.length && key.at[key.length] != ':') key.length++;
		if (key.length == field.length || !same(key, name)) continue;
		found++;
		value->at = key.at + key.length + 1;
		value->length = field.length - key.length - 1;
		while (value->length && blank(value->at[0])) value->at++, value->length--;
		while (value->length && blank(value->at[value->length - 1])) value->length--;
	}
	return found;
}

int number(Span text, uint64_t *value) {
	*value = 0;
	for (uint32_t i = 0; i < text.length; i++) {
		if (text.at[i] < '0' || text.at[i] > '9' || *value > ((uint64_t)1 << 63) / 10 - 1) return 0;
		*value = *value * 10 + (uint64_t)(text.at[i] - '0');
	}
	return text.length > 0;
}
