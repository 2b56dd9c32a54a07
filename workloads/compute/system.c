#include "system.h"

#ifdef __wasm__

#define PAGE 65536u
#define EXIT_FAILURE 1

typedef struct {
	const void *base;
	uint32_t length;
} Vector;

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))

WASI(args_sizes_get) uint16_t args_sizes_get(uint32_t *count, uint32_t *bytes);
WASI(args_get) uint16_t args_get(char **arguments, char *texts);
WASI(fd_read) uint16_t fd_read(uint32_t descriptor, const Vector *to, uint32_t count, uint32_t *length);
WASI(fd_write) uint16_t fd_write(uint32_t descriptor, const Vector *from, uint32_t count, uint32_t *length);
WASI(proc_exit) _Noreturn void proc_exit(uint32_t status);

long read_input(void *to, size_t size) {
	Vector vector = {to, size};
	uint32_t length;
	return fd_read(0, &vector, 1, &length) ? -1 : (long)length;
}

static int write_to(uint32_t descriptor, const void *from, size_t size) {
	while (size) {
		Vector vector = {from, size};
		uint32_t length;
		if (fd_write(descriptor, &vector, 1, &length)) return -1;
		from = (const char *)from + length;
		size -= length;
	}
	return 0;
}

extern char __heap_base;

void *memory(size_t size) {
	static uintptr_t next;
	if (!next) next = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
	uint64_t end = (uint64_t)next + ((size + 15) & ~(uint64_t)15);
	uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
	if (end > (uint64_t)PAGE * PAGE) return NULL;
	if (end > have && __builtin_wasm_memory_grow(0, (end - have + PAGE - 1) / PAGE) == (size_t)-1) return NULL;
	void *found = (void *)next;
	next = end;
	return found;
}

__attribute__((export_name("_start"))) void start(void) {
	uint32_t count, bytes;
	if (args_sizes_get(&count, &bytes)) proc_exit(EXIT_FAILURE);
	char **arguments = memory((count + 1) * sizeof *arguments);
	char *texts = memory(bytes);
	if (!arguments || !texts || args_get(arguments, texts)) proc_exit(EXIT_FAILURE);
	int status = program((int)count, arguments);
	if (status) proc_exit((uint32_t)status);
}

#else

#include <stdlib.h>
#include <unistd.h>

long read_input(void *to, size_t size) { return read(0, to, size); }

static int write_to(int descriptor, const void *from, size_t size) {
	while (size) {
		ssize_t length = write(descriptor, from, size);
		if (length < 0) return -1;
		from = (const char *)from + length;
		size -= (size_t)length;
	}
	return 0;
}

void *memory(size_t size) { return calloc(1, (size + 15) & ~(size_t)15); }

int main(int count, char **arguments) { return program(count, arguments); }

#endif

int write_output(const void *from, size_t size) { return write_to(1, from, size); }

static size_t length_of(const char *text) {
	size_t length = 0;
	while (text[length]) length++;
	return length;
}

int fail(const char *why) {
	(void)write_to(2, why, length_of(why));
	(void)write_to(2, "\n", 1);
	return EXIT_FAILURE;
}

static char block[1 << 16];
static size_t filled;
static int failed;

int flush(void) {
	if (filled && write_output(block, filled)) failed = -1;
	filled = 0;
	return failed;
}

void put(const void *from, size_t size) {
	for (const char *next = from; size; next++, size--) {
		if (filled == sizeof block) flush();
		block[filled++] = *next;
	}
}

void put_text(const char *text) { put(text, length_of(text)); }

void put_number(int64_t number) {
	char digits[20];
	size_t first = sizeof digits;
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	do digits[--first] = (char)('0' + rest % 10);
	while (rest /= 10);
	if (number < 0) put("-", 1);
	put(digits + first, sizeof digits - first);
}

void put_decimal(double number) {
	const int64_t unit = 1000000000;
	int64_t whole = (int64_t)(number * unit + (number < 0 ? -0.5 : 0.5));
	if (whole < 0) put("-", 1);
	uint64_t rest = whole < 0 ? -(uint64_t)whole : (uint64_t)whole;
	put_number((int64_t)(rest / unit));
	char digits[10] = ".";
	rest %= unit;
	for (int i = 9; i > 0; i--, rest /= 10) digits[i] = (char)('0' + rest % 10);
	put(digits, sizeof digits);
}

int64_t argument(int count, char **arguments, int64_t standard) {
	if (count < 2) return standard;
	int64_t number = 0;
	for (const char *digit = arguments[1]; *digit >= '0' && *digit <= '9' && number < 1000000000000; digit++) number = 10 * number + (*digit - '0');
	return number;
}
