// Memory for a payload that a function makes.
#pragma once

#include <stdint.h>

// buffer returns the host's output buffer for length bytes, or else memory of the function's own
// that the host knows as a region: the same one as long as the length is. 0 says that there is none.
uint32_t buffer(uint32_t length);
