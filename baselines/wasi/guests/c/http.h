// Messages of HTTP/1.1 (RFC 9112), as much as functions of one another's making need.
#pragma once

#include <stdint.h>

#include "text.h"

// header_end returns the length of the header that begins a buffer, its empty line
// included, or 0 when it is not complete. It has looked at the first seen bytes before.
uint32_t header_end(const char *bytes, uint32_t length, uint32_t seen);

// Header is one that is complete.
typedef struct {
	// The three parts of the first line; a reason may have blanks of its own.
	Span first, second, third;
	Span fields;
} Header;

// parse takes a header apart and returns whether it is one.
int parse(const char *bytes, uint32_t length, Header *header);

// find looks a field up by its name in lower case, and returns how often it is there.
uint32_t find(const Header *header, const char *name, Span *value);

// number reads decimal digits alone, and returns whether they are a number below 2^63.
int number(Span text, uint64_t *value);
