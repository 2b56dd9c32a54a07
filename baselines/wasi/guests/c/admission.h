// How the two ends of a connection prove that they know the endpoint's nonce: see package
// transport, admission.go.
#pragma once

#include <stdint.h>

#define NONCE_SIZE 32u
#define CHALLENGE_SIZE 32u
#define PROOF_SIZE 64u
#define ANSWER_SIZE 32u

// prove makes the proof of one connection and the answer to expect. It returns 0 when the
// host has no random numbers.
int prove(const uint8_t nonce[NONCE_SIZE], uint8_t proof[PROOF_SIZE], uint8_t answer[ANSWER_SIZE]);

// admit checks a proof, in a time that does not depend on it, and returns whether it is
// right and new; the answer to it is made then.
int admit(const uint8_t nonce[NONCE_SIZE], const uint8_t proof[PROOF_SIZE], uint8_t answer[ANSWER_SIZE]);

// equal compares in a time that does not depend on where a and b differ.
int equal(const uint8_t *a, const uint8_t *b, uint32_t length);
