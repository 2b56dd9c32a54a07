// What both roles of this guest know. The exports are those of package baselines/wasi/abi,
// HTTP is spoken as by package baselines/http, with codec raw alone.
#pragma once

#include <stdint.h>

#include "text.h"

#define EXPORT(name) __attribute__((export_name(#name)))

#define TOKEN_SIZE 32u

// What begin was told: the largest payload in bytes, and nanoseconds an exchange may take,
// 0 for as long as it likes.
extern uint64_t payload_size;
extern int64_t patience;

// failed is the text that the export failure returns. fail begins a new one.
extern Text failed;
Text *fail(void);

int64_t now(void);
// from_now is when an exchange has to end, 0 for never.
int64_t from_now(int64_t nanoseconds);

// Reply is what B answers A: see function.Reply. A failure's text follows it.
typedef struct {
	uint32_t magic, text;
	int64_t received, delivered, consumed;
	uint64_t length, digest;
	int64_t usage[4];
} Reply;

_Static_assert(sizeof(Reply) == 80, "a reply lies in memory as on the wire");

#define REPLY_MAGIC 0x31425252u
#define REPLY_TEXT 1024u
