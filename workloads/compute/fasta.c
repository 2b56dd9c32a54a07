// DNA sequences, repeated and random by weights, as the Computer Language Benchmarks Game has them. Argument: n, of which the three
// sequences have 2, 3 and 5 times as many nucleotides.
#include "system.h"

#define WIDTH 60

typedef struct {
	char code;
	double share;
} Nucleotide;

static const char alu[] =
	"GGCCGGGCGCGGTGGCTCACGCCTGTAATCCCAGCACTTTGG"
	"GAGGCCGAGGCGGGCGGATCACCTGAGGTCAGGAGTTCGAGA"
	"CCAGCCTGGCCAACATGGTGAAACCCCGTCTCTACTAAAAAT"
	"ACAAAAATTAGCCGGGCGTGGTGGCGCGCGCCTGTAATCCCA"
	"GCTACTCGGGAGGCTGAGGCAGGAGAATCGCTTGAACCCGGG"
	"AGGCGGAGGTTGCAGTGAGCCGAGATCGCGCCACTGCACTCC"
	"AGCCTGGGCGACAGAGCGAGACTCCGTCTCAAAAA";

static const Nucleotide ambiguous[] = {
	{'a', 0.27}, {'c', 0.12}, {'g', 0.12}, {'t', 0.27}, {'B', 0.02}, {'D', 0.02}, {'H', 0.02}, {'K', 0.02},
	{'M', 0.02}, {'N', 0.02}, {'R', 0.02}, {'S', 0.02}, {'V', 0.02}, {'W', 0.02}, {'Y', 0.02},
};
static const Nucleotide human[] = {{'a', 0.3029549426680}, {'c', 0.1979883004921}, {'g', 0.1975473066391}, {'t', 0.3015094502008}};

#define COUNT(list) ((int)(sizeof list / sizeof *list))

enum { modulus = 139968, factor = 3877, increment = 29573 };

static int seed = 42;

static void repeat(int64_t length) {
	put_text(">ONE Homo sapiens alu\n");
	char line[WIDTH + 1];
	for (int64_t place = 0; length > 0;) {
		int width = length < WIDTH ? (int)length : WIDTH;
		for (int i = 0; i < width; i++) {
			line[i] = alu[place];
			if (++place == COUNT(alu) - 1) place = 0;
		}
		line[width] = '\n';
		put(line, (size_t)width + 1);
		length -= width;
	}
}

static void draw(const char *title, const Nucleotide *list, int count, int64_t length) {
	put_text(title);
	double up_to[16];
	double sum = 0;
	for (int i = 0; i < count; i++) up_to[i] = sum += list[i].share;
	char line[WIDTH + 1];
	while (length > 0) {
		int width = length < WIDTH ? (int)length : WIDTH;
		for (int i = 0; i < width; i++) {
			seed = (seed * factor + increment) % modulus;
			double random = (double)seed / modulus;
			int found = 0;
			while (found < count - 1 && random >= up_to[found]) found++;
			line[i] = list[found].code;
		}
		line[width] = '\n';
		put(line, (size_t)width + 1);
		length -= width;
	}
}

int program(int count, char **arguments) {
	int64_t n = argument(count, arguments, 1000);
	repeat(2 * n);
	draw(">TWO IUB ambiguity codes\n", ambiguous, COUNT(ambiguous), 3 * n);
	draw(">THREE Homo sapiens frequency\n", human, COUNT(human), 5 * n);
	return flush();
}
