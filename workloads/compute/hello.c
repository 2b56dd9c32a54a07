// Says hello; with the argument "idle" it first waits for the end of its input.
#include "system.h"

int program(int count, char **arguments) {
	char byte;
	if (count > 1 && arguments[1][0] == 'i')
		while (read_input(&byte, 1) > 0) {
		}
	put_text("Hello, world!\n");
	return flush() ? fail("standard output cannot be written") : 0;
}
