// What a program of the suite asks of its system: WASI preview 1 in WebAssembly, without a libc, or a Unix.
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stddef.h>
#include <stdint.h>

// program is the program; the result is its exit status.
int program(int count, char **arguments);

// read_input reads up to size bytes of standard input and returns how many, 0 at its end, -1 on error.
long read_input(void *to, size_t size);

// write_output writes all of it at once to standard output and returns 0, or -1 on error.
int write_output(const void *from, size_t size);

// fail writes a line to standard error and returns the status of failure.
int fail(const char *why);

// memory returns size bytes of zeros, aligned to 16, which are never given back, or NULL.
void *memory(size_t size);

// put collects output, in blocks of 64 KiB; flush writes what is left and returns 0, or -1 if any of it failed.
void put(const void *from, size_t size);
void put_text(const char *text);
void put_number(int64_t number);
// put_decimal has nine digits behind the point.
void put_decimal(double number);
int flush(void);

// argument is the number that the program was given, or what serves without one.
int64_t argument(int count, char **arguments, int64_t standard);

#endif
