#include "fill.h"

#define BLOCK 4096u
#define MARK 16u
#define RECORD 64u

static const char phrase[] = "The roadrunner carries the words from one function to another and drops none. ";

typedef uint64_t __attribute__((aligned(1), may_alias)) Word;

static uint64_t mix(uint64_t seed, uint64_t index) {
	uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15u;
	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return z ^ z >> 31;
}

static uint32_t lesser(uint32_t a, uint32_t b) { return a < b ? a : b; }

void fill_text(uint8_t *to, uint32_t length, uint64_t seed, uint64_t index) {
	static uint8_t block[BLOCK];
	if (!block[MARK])
		for (uint32_t i = MARK; i < BLOCK; i++) block[i] = phrase[(i - MARK) % (sizeof phrase - 1)];
	for (; length > 0; index++) {
		uint64_t value = mix(seed, index);
		for (uint32_t i = 0; i < MARK; i++, value <<= 4) block[i] = "0123456789abcdef"[value >> 60];
		uint32_t part = lesser(length, BLOCK);
		__builtin_memcpy(to, block, part);
		to += part;
		length -= part;
	}
}

static void fill_bytes(uint8_t *to, uint32_t length, uint64_t seed) {
	uint64_t index = 0;
	for (; length >= 8; length -= 8, to += 8) *(Word *)to = mix(seed, index++);
	if (length) {
		uint64_t last = mix(seed, index);
		__builtin_memcpy(to, &last, length);
	}
}

typedef struct {
	uint64_t id;
	int64_t time;
	uint32_t sensor, flags;
	double temperature, humidity, pressure, latitude, longitude;
} Record;

_Static_assert(sizeof(Record) == RECORD, "records have no gaps");

static Record record(uint64_t seed, uint64_t index) {
	uint64_t id = mix(seed, index), values = mix(id, 0);
	return (Record){
		.id = id,
		.time = 1700000000000000000 + (int64_t)index * 1000000 + (int64_t)(id & 0xFFFFF),
		.sensor = values & 0x3FF,
		.flags = values >> 10 & 0xF,
		.temperature = (double)((int64_t)(values >> 14 & 0x1FFF) - 2000) / 100,
		.humidity = (double)(values >> 27 & 0x3FF) / 10,
		.pressure = 900 + (double)(values >> 37 & 0x7FF) / 10,
		.latitude = (double)((int64_t)(id >> 20 & 0xFFFFF) - 524288) / 10000,
		.longitude = (double)((int64_t)(id >> 40 & 0x1FFFFF) - 1048576) / 10000,
	};
}

static void fill_records(uint8_t *to, uint32_t length, uint64_t seed) {
	for (uint64_t index = 0; length > 0; index++) {
		Record next = record(seed, index);
		uint32_t part = lesser(length, RECORD);
		__builtin_memcpy(to, &next, part);
		to += part;
		length -= part;
	}
}

void fill(uint8_t *to, uint32_t length, uint32_t kind, uint64_t seed) {
	switch (kind) {
	case 0: fill_text(to, length, seed, 0); break;
	case 1: fill_records(to, length, seed); break;
	default: fill_bytes(to, length, seed);
	}
}

void rewrite(uint8_t *payload, uint32_t length) {
	for (uint64_t at = 0; at < length; at += BLOCK) payload[at]++;
}
