// Reads a picture (PPM, P6, 8 bits a channel) from standard input, makes it a third as wide and high by Catmull and Rom's
// cubic filter, and writes it to standard output.
#include "system.h"

enum { most = 16384, channels = 3, taps = 12, ratio = 3 };

static uint8_t buffer[1 << 16];
static long have, taken;

static int next(void) {
	if (taken == have) {
		have = read_input(buffer, sizeof buffer);
		taken = 0;
		if (have <= 0) {
			have = 0;
			return -1;
		}
	}
	return buffer[taken++];
}

// number reads a number of the header and the one byte behind it; -1 is for none.
static int number(void) {
	int c = next(), value = 0;
	while (c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '#') {
		while (c == '#' || (c != '\n' && c >= 0 && c != ' ' && c != '\t' && c != '\r')) {
			c = next();
			if (c == '\n' || c < 0) break;
		}
		c = next();
	}
	if (c < '0' || c > '9') return -1;
	for (; c >= '0' && c <= '9'; c = next())
		if ((value = 10 * value + (c - '0')) > 65535) return -1;
	return value;
}

static float cubic(float x) {
	if (x < 0) x = -x;
	if (x < 1) return (1.5f * x - 2.5f) * x * x + 1;
	if (x < 2) return ((-0.5f * x + 2.5f) * x - 4) * x + 2;
	return 0;
}

typedef struct {
	int first;
	float weight[taps];
} Filter;

// filters are those of each place of the smaller size; places beyond an edge count as the edge.
static void filter(Filter *f, int place, float scale) {
	float centre = ((float)place + 0.5f) * scale, sum = 0;
	f->first = (int)(centre - 2 * scale) - (centre < 2 * scale);
	for (int i = 0; i < taps; i++) {
		f->weight[i] = cubic(((float)(f->first + i) + 0.5f - centre) / scale);
		sum += f->weight[i];
	}
	for (int i = 0; i < taps; i++) f->weight[i] /= sum;
}

static int within(int place, int size) { return place < 0 ? 0 : place >= size ? size - 1 : place; }

static uint8_t byte_of(float value) { return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)(value + 0.5f); }

int program(int count, char **arguments) {
	(void)count, (void)arguments;
	if (next() != 'P' || next() != '6') return fail("the picture cannot be decoded: it is no PPM");
	int width = number(), height = number(), depth = number();
	if (width < ratio || height < ratio || width > most || height > most || depth != 255) return fail("the picture cannot be decoded: its header is wrong");
	int small_width = width / ratio, small_height = height / ratio;
	uint8_t *picture = memory((size_t)width * (size_t)height * channels);
	float *narrow = memory((size_t)small_width * (size_t)height * channels * sizeof *narrow);
	if (!picture || !narrow) return fail("there is no more memory");
	for (size_t i = 0; i < (size_t)width * (size_t)height * channels; i++) {
		int c = next();
		if (c < 0) return fail("the picture cannot be decoded: it ends too early");
		picture[i] = (uint8_t)c;
	}
	Filter f;
	for (int x = 0; x < small_width; x++) {
		filter(&f, x, (float)width / (float)small_width);
		for (int y = 0; y < height; y++)
			for (int c = 0; c < channels; c++) {
				float sum = 0;
				for (int i = 0; i < taps; i++) sum += f.weight[i] * (float)picture[((size_t)y * (size_t)width + (size_t)within(f.first + i, width)) * channels + (size_t)c];
				narrow[((size_t)y * (size_t)small_width + (size_t)x) * channels + (size_t)c] = sum;
			}
	}
	put_text("P6\n");
	put_number(small_width);
	put_text(" ");
	put_number(small_height);
	put_text("\n255\n");
	for (int y = 0; y < small_height; y++) {
		filter(&f, y, (float)height / (float)small_height);
		for (int x = 0; x < small_width; x++)
			for (int c = 0; c < channels; c++) {
				float sum = 0;
				for (int i = 0; i < taps; i++) sum += f.weight[i] * narrow[((size_t)within(f.first + i, height) * (size_t)small_width + (size_t)x) * channels + (size_t)c];
				uint8_t byte = byte_of(sum);
				put(&byte, 1);
			}
	}
	return flush();
}
