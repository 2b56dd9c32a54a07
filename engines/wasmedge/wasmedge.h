#ifndef RRBENCH_WASMEDGE_H
#define RRBENCH_WASMEDGE_H

#include "bridge.h"

// wasmedge_load finds the library and what is used of it, once. It returns NULL or why not, which stays as it is.
const char *wasmedge_load(const char *path);
const char *wasmedge_version(int *major, int *minor);

// wasmedge_start begins what a process needs one of, once, and says whether it could.
bool wasmedge_start(void);

const backend *wasmedge_backend(void);

#endif
