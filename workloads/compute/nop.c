#include "system.h"

int program(int count, char **arguments) {
	(void)count, (void)arguments;
	return 0;
}
