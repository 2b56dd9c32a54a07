// What the peers in C share: a clock, and the medians that they print.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

// report prints the median of what is in rounds.
static void report(const char *name, size_t size, int64_t *took, int rounds) {
	qsort(took, rounds, sizeof *took, ascending);
	printf("%s %zu %ld\n", name, size, (long)took[rounds / 2]);
	fflush(stdout);
}

static int rounds_of(size_t size) { return size < 1 << 20 ? 2000 : size < 16 << 20 ? 200 : 11; }
