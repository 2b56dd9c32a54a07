#include "guest.h"

#include "digest.h"
#include "fill.h"
#include "wasi.h"

uint64_t payload_size;
int64_t patience;
uint32_t in_turn;
static uint32_t changes;

static char failed_text[512];
Text failed = {failed_text, 0, sizeof failed_text};

Text *fail(void) {
	failed.length = 0;
	return &failed;
}

EXPORT(failure) uint64_t failure(void) { return (uint64_t)(uintptr_t)failed.at << 32 | failed.length; }

EXPORT(begin) uint32_t begin(uint32_t codec, uint32_t kind, uint64_t size, int64_t deadline, uint32_t serial, uint32_t writes) {
	if (codec != 0 || kind > 2) {
		put(fail(), "this guest knows the codec raw alone");
		return 1;
	}
	payload_size = size;
	patience = deadline;
	in_turn = serial;
	changes = writes;
	return 0;
}

uint64_t handle(uint8_t *payload, uint32_t length) {
	uint64_t seen = digest(payload, length);
	if (changes) rewrite(payload, length);
	return seen;
}

int64_t now(void) {
	int64_t time = 0;
	clock_time_get(CLOCK_MONOTONIC, 1, &time);
	return time;
}

int64_t from_now(int64_t nanoseconds) { return nanoseconds ? now() + nanoseconds : 0; }
