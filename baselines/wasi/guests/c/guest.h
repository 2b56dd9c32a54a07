// What both roles of this guest know. The exports are those of package baselines/wasi/abi,
// HTTP is spoken as by package baselines/http, with codec raw alone.
#pragma once

#include <stdint.h>

#include "text.h"

#define EXPORT(name) __attribute__((export_name(#name)))

// The arguments of begin: the largest payload in bytes, nanoseconds an exchange may take, 0 for
// as long as it likes, and whether targets are served in turn.
extern uint64_t payload_size;
extern int64_t patience;
extern uint32_t in_turn;

// handle reads a payload, changes it if begin has said so, and returns its digest.
uint64_t handle(uint8_t *payload, uint32_t length);

// failed is the text that the export failure returns. fail begins a new one.
extern Text failed;
Text *fail(void);

int64_t now(void);
// from_now is when an exchange has to end, 0 for never.
int64_t from_now(int64_t nanoseconds);
