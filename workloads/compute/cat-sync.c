// Copies standard input to standard output, each block before the next is read.
#include "system.h"

static char content[1 << 16];

int program(int count, char **arguments) {
	(void)count, (void)arguments;
	long length;
	while ((length = read_input(content, sizeof content)) > 0)
		if (write_output(content, (size_t)length)) return fail("standard output cannot be written");
	return length < 0 ? fail("standard input cannot be read") : 0;
}
