#include "admission.h"

#include "wasi.h"

// SHA-256, FIPS 180-4.
static const uint32_t round_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

typedef struct {
	uint32_t state[8], used;
	uint64_t length;
	uint8_t block[64];
} Hash;

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void compress(Hash *h) {
	uint32_t w[64], s[8];
	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)h->block[4 * i] << 24 | (uint32_t)h->block[4 * i + 1] << 16 | (uint32_t)h->block[4 * i + 2] << 8 | h->block[4 * i + 3];
	for (int i = 16; i < 64; i++)
		w[i] = w[i - 16] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] + (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
	__builtin_memcpy(s, h->state, sizeof s);
	for (int i = 0; i < 64; i++) {
		uint32_t a = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + round_constants[i] + w[i];
		uint32_t b = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		for (int j = 7; j > 0; j--) s[j] = s[j - 1];
		s[4] += a;
		s[0] = a + b;
	}
	for (int i = 0; i < 8; i++) h->state[i] += s[i];
}

static void add(Hash *h, const void *bytes, uint32_t length) {
	const uint8_t *from = bytes;
	h->length += length;
	while (length--) {
		h->block[h->used++] = *from++;
		if (h->used == sizeof h->block) {
			compress(h);
			h->used = 0;
		}
	}
}

static void begin_hash(Hash *h) {
	*h = (Hash){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

static void end_hash(Hash *h, uint8_t digest[32]) {
	uint64_t bits = h->length * 8;
	uint8_t end[8];
	for (int i = 0; i < 8; i++) end[i] = (uint8_t)(bits >> (56 - 8 * i));
	add(h, "\x80", 1);
	while (h->used != 56) add(h, "", 1);
	add(h, end, sizeof end);
	for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

// digest is HMAC-SHA256 (RFC 2104) of what Prove in transport/admission.go signs.
static void digest_of(const uint8_t nonce[NONCE_SIZE], const char *role, const uint8_t challenge[CHALLENGE_SIZE], uint8_t digest[32]) {
	static const uint8_t version[2] = {0, 3};
	uint8_t pad[64];
	uint32_t length = 0;
	Hash h;
	while (role[length]) length++;
	for (uint32_t i = 0; i < sizeof pad; i++) pad[i] = (i < NONCE_SIZE ? nonce[i] : 0) ^ 0x36;
	begin_hash(&h);
	add(&h, pad, sizeof pad);
	add(&h, role, length);
	add(&h, version, sizeof version);
	add(&h, challenge, CHALLENGE_SIZE);
	end_hash(&h, digest);
	for (uint32_t i = 0; i < sizeof pad; i++) pad[i] ^= 0x36 ^ 0x5c;
	begin_hash(&h);
	add(&h, pad, sizeof pad);
	add(&h, digest, 32);
	end_hash(&h, digest);
}

int equal(const uint8_t *a, const uint8_t *b, uint32_t length) {
	uint8_t difference = 0;
	for (uint32_t i = 0; i < length; i++) difference |= a[i] ^ b[i];
	return !difference;
}

int prove(const uint8_t nonce[NONCE_SIZE], uint8_t proof[PROOF_SIZE], uint8_t answer[ANSWER_SIZE]) {
	if (random_get(proof, CHALLENGE_SIZE)) return 0;
	digest_of(nonce, "rrbench connector", proof, proof + CHALLENGE_SIZE);
	digest_of(nonce, "rrbench target", proof, answer);
	return 1;
}

// used are the challenges that were admitted; each is admitted once.
static uint8_t used[1024][CHALLENGE_SIZE];
static uint32_t used_count;

int admit(const uint8_t nonce[NONCE_SIZE], const uint8_t proof[PROOF_SIZE], uint8_t answer[ANSWER_SIZE]) {
	uint8_t right[32];
	digest_of(nonce, "rrbench connector", proof, right);
	if (!equal(right, proof + CHALLENGE_SIZE, sizeof right) || used_count == sizeof used / sizeof used[0]) return 0;
	for (uint32_t i = 0; i < used_count; i++)
		if (equal(used[i], proof, CHALLENGE_SIZE)) return 0;
	__builtin_memcpy(used[used_count++], proof, CHALLENGE_SIZE);
	digest_of(nonce, "rrbench target", proof, answer);
	return 1;
}
