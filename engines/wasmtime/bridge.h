#ifndef RRBENCH_WASMTIME_BRIDGE_H
#define RRBENCH_WASMTIME_BRIDGE_H

// The way across the border between Go and Wasmtime without a boxed value.
//
// The few declarations of Wasmtime's C API that this needs are repeated here, because its
// headers lie inside the wasmtime-go module, where no include path of ours leads. They are
// those of wasmtime.h, version 39; layout_test.go compares the sizes with wasmtime-go's.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

typedef union {
  wasmtime_func_t func;
  wasmtime_memory_t memory;
  struct {
    uint64_t words[3];
  } other;
} wasmtime_extern_union_t;

typedef struct {
  uint8_t kind;
  wasmtime_extern_union_t of;
} wasmtime_extern_t;

typedef union {
  int32_t i32;
  int64_t i64;
  uint8_t v128[16];
  void *funcref;
} wasmtime_val_raw_t;

typedef struct {
  size_t size;
  char *data;
} wasm_byte_vec_t;

typedef struct direct_call direct_call;

enum { guest_memory_unknown, guest_memory_absent, guest_memory_present };

// guest is what the border needs to know of an instance. It is C memory: Wasmtime keeps
// pointers to it. Its base and size are those of the guest's memory whenever Go code runs,
// because only the guest makes it grow and every way out of the guest notes the size.
typedef struct {
  void *context;
  uintptr_t instance; // the instance's number in Go
  uint8_t *base;
  uint64_t size;
  wasmtime_memory_t memory;
  int memory_state;
  direct_call *answering; // who answers a call of the host, or NULL
} guest;

// outcome of a call: at most one is not NULL, and belongs to the caller.
typedef struct {
  void *trap;
  void *error;
} outcome;

// direct_call takes a payload from one guest to another: within a call of function, the call of
// the host function index with (pointer, length) is answered here.
//
// Invariant: while direct_call_run runs, both guests are alive and no thread but its own uses
// them. Between a look at a memory's base and the end of the copy no guest runs, so neither
// base nor size changes; both ranges are checked against the sizes of that moment. answering
// of the first guest is not NULL only then, and only until the handler has been called.
struct direct_call {
  guest *from, *to;
  wasmtime_func_t function, handler;
  uint32_t index;
  uint32_t pointer, length, place;
  int32_t failed;
  bool answered;
  uint32_t status; // what function returned
  int64_t copied, returned; // CLOCK_MONOTONIC, ns
  uint64_t result;
  outcome of_handler;
};

guest *guest_new(void *context, uintptr_t instance);
void guest_set_memory(guest *g, wasmtime_memory_t memory);
outcome guest_call(uintptr_t g, uint64_t store_id, uintptr_t function, uint64_t *stack, size_t slots);
direct_call *direct_call_new(uintptr_t from, uint32_t index, uint64_t store_id, uintptr_t function,
                 uintptr_t to, uint64_t handler_store_id, uintptr_t handler);
int64_t direct_call_clock(void);
outcome direct_call_run(uintptr_t direct_call, uint32_t pointer, uint32_t length, uint32_t place, int32_t failed);
void guest_import(guest *g, uint32_t index, void *type, wasmtime_func_t *function);

// place_memories has linear memories of a wasm_config_t begin where offset is what is left of a
// division by modulus, a power of two. It returns false when the C library has no memory left.
bool place_memories(uintptr_t config, size_t offset, size_t modulus);

size_t thread_stack(void); // bytes that each thread has at least, of main's with its arguments

wasm_byte_vec_t trap_message(void *trap, int *code);
wasm_byte_vec_t error_message(void *error);
void message_delete(wasm_byte_vec_t message);

#endif
