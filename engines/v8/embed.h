#ifndef RRBENCH_V8_H
#define RRBENCH_V8_H

#include "bridge.h"

#ifdef __cplusplus
extern "C" {
#endif

const backend *v8_backend(void);

#ifdef __cplusplus
}
#endif
#endif
