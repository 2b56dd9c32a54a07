#include "digest.h"

#define STEP 32u
#define ROTATE 29
#define MULTIPLY 0x9E3779B97F4A7C15u

typedef uint64_t __attribute__((aligned(1), may_alias)) Word;

static inline uint64_t mix(uint64_t lane, uint64_t word) {
	lane ^= word;
	return (lane << ROTATE | lane >> (64 - ROTATE)) * MULTIPLY;
}

uint64_t digest(const uint8_t *payload, uint32_t length) {
	uint64_t a = 0x6A09E667F3BCC908u, b = 0xBB67AE8584CAA73Bu;
	uint64_t c = 0x3C6EF372FE94F82Bu, d = 0xA54FF53A5F1D36F1u;
	const uint8_t *end = payload + (length & ~(STEP - 1));
	for (; payload != end; payload += STEP) {
		const Word *words = (const Word *)payload;
		a = mix(a, words[0]);
		b = mix(b, words[1]);
		c = mix(c, words[2]);
		d = mix(d, words[3]);
	}
	uint32_t rest = length & (STEP - 1);
	if (rest) {
		uint64_t last[4] = {0, 0, 0, 0};
		for (uint32_t i = 0; i < rest; i++) ((uint8_t *)last)[i] = payload[i];
		a = mix(a, last[0]);
		b = mix(b, last[1]);
		c = mix(c, last[2]);
		d = mix(d, last[3]);
	}
	uint64_t h = mix(mix(mix(mix(length, a), b), c), d);
	return h ^ h >> 32;
}
