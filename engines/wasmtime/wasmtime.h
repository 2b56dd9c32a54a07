#ifndef RRBENCH_WASMTIME_H
#define RRBENCH_WASMTIME_H

// The few declarations of Wasmtime's C API that the backend needs are repeated here and in its
// sources, because its headers lie inside the wasmtime-go module, where no include path of ours
// leads. They are those of wasmtime.h, version 39; wasmtime.go compares the sizes with wasmtime-go's.

#include "bridge.h"

typedef struct {
  uint64_t store_id;
  void *private_;
} wasmtime_func_t;

typedef struct {
  struct {
    uint64_t store_id;
    uint32_t private1;
  };
  uint32_t private2;
} wasmtime_memory_t;

typedef struct {
  uint64_t store_id;
  size_t private_;
} wasmtime_instance_t;

typedef struct {
  uint8_t kind;
  union {
    wasmtime_func_t func;
    wasmtime_memory_t memory;
    uint64_t other[3];
  } of;
} wasmtime_extern_t;

// wasmtime_backend makes the engine, once. Guests have so much stack, in bytes; linear memories begin
// where offset is what is left of a division by modulus, a power of two.
const backend *wasmtime_backend(size_t stack, size_t offset, size_t modulus);

// place_memories has the memories of a wasm_config_t begin there.
void place_memories(void *config, size_t offset, size_t modulus);

size_t thread_stack(void); // bytes that each thread has at least, of main's with its arguments

#endif
