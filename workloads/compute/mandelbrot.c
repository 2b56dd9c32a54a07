// The Mandelbrot set as a portable bitmap, 50 iterations a point, as the Computer Language Benchmarks Game has it.
// Argument: width and height. With SIMD defined, two points are calculated at once.
#include "system.h"

#define ITERATIONS 50

#ifdef SIMD

typedef double Pair __attribute__((vector_size(16)));
typedef int64_t Truth __attribute__((vector_size(16)));

static unsigned points(int64_t x, double ci, double scale) {
	unsigned bits = 0;
	for (int i = 0; i < 8; i += 2) {
		Pair cr = {(double)(x + i) * scale - 1.5, (double)(x + i + 1) * scale - 1.5};
		Pair zr = {0, 0}, zi = {0, 0}, rr = {0, 0}, ii = {0, 0}, four = {4, 4};
		Truth inside = {-1, -1};
		for (int n = 0; n < ITERATIONS; n++) {
			zi = 2 * zr * zi + ci;
			zr = rr - ii + cr;
			rr = zr * zr;
			ii = zi * zi;
			// What has left may not come back, by an overflow for example.
			inside &= rr + ii <= four;
			if (!(inside[0] | inside[1])) break;
		}
		bits = bits << 2 | (inside[0] ? 2u : 0) | (inside[1] ? 1u : 0);
	}
	return bits;
}

#else

static unsigned points(int64_t x, double ci, double scale) {
	unsigned bits = 0;
	for (int i = 0; i < 8; i++) {
		double cr = (double)(x + i) * scale - 1.5, zr = 0, zi = 0, rr = 0, ii = 0;
		int n = 0;
		for (; n < ITERATIONS; n++) {
			zi = 2 * zr * zi + ci;
			zr = rr - ii + cr;
			rr = zr * zr;
			ii = zi * zi;
			if (!(rr + ii <= 4)) break;
		}
		bits = bits << 1 | (n == ITERATIONS);
	}
	return bits;
}

#endif

int program(int count, char **arguments) {
	int64_t size = argument(count, arguments, 200);
	if (size < 1 || size > 100000) return fail("give 1 to 100000");
	put_text("P4\n");
	put_number(size);
	put_text(" ");
	put_number(size);
	put_text("\n");
	double scale = 2.0 / (double)size;
	for (int64_t y = 0; y < size; y++)
		for (int64_t x = 0; x < size; x += 8) {
			unsigned bits = points(x, (double)y * scale - 1.0, scale);
			if (x + 8 > size) bits &= 0xffu << (x + 8 - size);
			uint8_t byte = (uint8_t)bits;
			put(&byte, 1);
		}
	return flush();
}
