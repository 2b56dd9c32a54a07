#ifndef RRBENCH_WASMER_H
#define RRBENCH_WASMER_H

#include "bridge.h"

const backend *wasmer_backend(void);

// of wasmer.h
const char *wasmer_version(void);

#endif
