//go:build cgo && !wasmer

#include "bridge.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

// Of wasmtime.h; the opaque types are void here.
extern void *wasmtime_func_call_unchecked(void *context, const wasmtime_func_t *function,
                                          wasmtime_val_raw_t *values, size_t length, void **trap);
extern void wasmtime_func_new_unchecked(void *context, const void *type,
                                        void *(*callback)(void *, void *, wasmtime_val_raw_t *, size_t),
                                        void *env, void (*finalizer)(void *), wasmtime_func_t *function);
extern void *wasmtime_caller_context(void *caller);
extern bool wasmtime_caller_export_get(void *caller, const char *name, size_t length, wasmtime_extern_t *item);
extern void wasmtime_extern_delete(wasmtime_extern_t *item);
extern uint8_t *wasmtime_memory_data(const void *context, const wasmtime_memory_t *memory);
extern size_t wasmtime_memory_data_size(const void *context, const wasmtime_memory_t *memory);
extern void *wasmtime_trap_new(const char *message, size_t length);
extern bool wasmtime_trap_code(const void *trap, uint8_t *code);
extern void wasm_trap_message(const void *trap, wasm_byte_vec_t *message);
extern void wasm_trap_delete(void *trap);
extern void wasmtime_error_message(const void *error, wasm_byte_vec_t *message);
extern void wasmtime_error_delete(void *error);
extern void wasm_byte_vec_delete(wasm_byte_vec_t *vector);

// In Go: runs the host function and returns whether it failed.
extern int rrbenchWasmtimeHost(uintptr_t instance, uint32_t index, uint64_t *stack, size_t slots);

// import is the environment of a host function.
typedef struct {
  guest *g;
  uint32_t index;
} import;

enum { extern_memory = 3 };

guest *guest_new(void *context, uintptr_t instance) {
  guest *g = calloc(1, sizeof *g);
  if (g) {
    g->context = context;
    g->instance = instance;
  }
  return g;
}

// refresh notes the size of the memory. The base moves only with the size.
static void refresh(guest *g) {
  if (g->memory_state != guest_memory_present)
    return;
  uint64_t size = wasmtime_memory_data_size(g->context, &g->memory);
  if (size != g->size || !g->base) {
    g->base = wasmtime_memory_data(g->context, &g->memory);
    g->size = size;
  }
}

void guest_set_memory(guest *g, wasmtime_memory_t memory) {
  g->memory = memory;
  g->memory_state = guest_memory_present;
  refresh(g);
}

// find_memory is for a host function that the start section calls: the instance that has
// the memory is not there yet.
static void find_memory(guest *g, void *caller) {
  wasmtime_extern_t item;
  g->memory_state = guest_memory_absent;
  if (!wasmtime_caller_export_get(caller, "memory", 6, &item))
    return;
  if (item.kind == extern_memory) {
    g->memory = item.of.memory;
    g->memory_state = guest_memory_present;
  }
  wasmtime_extern_delete(&item);
}

// Wasmtime's slots are as wide as a vector, Go's are as wide as an integer.

outcome guest_call(uintptr_t handle, uint64_t store_id, uintptr_t function, uint64_t *stack, size_t slots) {
  guest *g = (guest *)handle;
  wasmtime_func_t callee = {store_id, (void *)function};
  wasmtime_val_raw_t values[slots + 1];
  outcome o = {NULL, NULL};
  for (size_t i = 0; i < slots; i++)
    values[i].i64 = (int64_t)stack[i];
  o.error = wasmtime_func_call_unchecked(g->context, &callee, values, slots, &o.trap);
  if (!o.error && !o.trap)
    for (size_t i = 0; i < slots; i++)
      stack[i] = (uint64_t)values[i].i64;
  refresh(g);
  return o;
}

direct_call *direct_call_new(uintptr_t from, uint32_t index, uint64_t store_id, uintptr_t function,
                 uintptr_t to, uint64_t handler_store_id, uintptr_t handler) {
  direct_call *r = calloc(1, sizeof *r);
  if (r) {
    r->from = (guest *)from;
    r->to = (guest *)to;
    r->function = (wasmtime_func_t){store_id, (void *)function};
    r->handler = (wasmtime_func_t){handler_store_id, (void *)handler};
    r->index = index;
  }
  return r;
}

int64_t direct_call_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool inside(const guest *g, uint32_t pointer, uint32_t length) {
  return g->base && (uint64_t)pointer + length <= g->size;
}

// answer has the other guest's handler take what the first one sends; false when that is
// for Go to do.
static bool answer(direct_call *r, guest *from, wasmtime_val_raw_t *values) {
  guest *to = r->to;
  if ((uint32_t)values[0].i32 != r->pointer || (uint32_t)values[1].i32 != r->length)
    return false;
  refresh(to);
  if (!inside(from, r->pointer, r->length) || !inside(to, r->place, r->length))
    return false;
  from->answering = NULL;
  r->answered = true;
  memcpy(to->base + r->place, from->base + r->pointer, r->length);
  wasmtime_val_raw_t call[2];
  call[0].i64 = r->place;
  call[1].i64 = r->length;
  r->copied = direct_call_clock();
  r->of_handler.error = wasmtime_func_call_unchecked(to->context, &r->handler, call, 2, &r->of_handler.trap);
  r->returned = direct_call_clock();
  refresh(to);
  r->result = (uint64_t)call[0].i64;
  values[0].i64 = (uint32_t)(r->of_handler.error || r->of_handler.trap ? r->failed : 0);
  return true;
}

outcome direct_call_run(uintptr_t handle, uint32_t pointer, uint32_t length, uint32_t place, int32_t failed) {
  direct_call *r = (direct_call *)handle;
  guest *g = r->from;
  wasmtime_val_raw_t values[2];
  outcome o = {NULL, NULL};
  r->pointer = pointer;
  r->length = length;
  r->place = place;
  r->failed = failed;
  r->answered = false;
  r->of_handler = o;
  values[0].i64 = pointer;
  values[1].i64 = length;
  g->answering = r;
  o.error = wasmtime_func_call_unchecked(g->context, &r->function, values, 2, &o.trap);
  g->answering = NULL;
  r->status = (uint32_t)values[0].i32;
  refresh(g);
  return o;
}

static void *call_host(void *env, void *caller, wasmtime_val_raw_t *values, size_t length) {
  const import *imported = env;
  guest *g = imported->g;
  void *outside = g->context;
  uint64_t stack[length + 1];
  g->context = wasmtime_caller_context(caller);
  if (g->memory_state == guest_memory_unknown)
    find_memory(g, caller);
  refresh(g);
  if (g->answering && imported->index == g->answering->index && answer(g->answering, g, values)) {
    g->context = outside;
    return NULL;
  }
  for (size_t i = 0; i < length; i++)
    stack[i] = (uint64_t)values[i].i64;
  int failed = rrbenchWasmtimeHost(g->instance, imported->index, stack, length);
  for (size_t i = 0; i < length; i++)
    values[i].i64 = (int64_t)stack[i];
  g->context = outside;
  return failed ? wasmtime_trap_new("host function failed", 20) : NULL;
}

void guest_import(guest *g, uint32_t index, void *type, wasmtime_func_t *function) {
  import *imported = malloc(sizeof *imported);
  if (!imported)
    abort();
  *imported = (import){g, index};
  wasmtime_func_new_unchecked(g->context, type, call_host, imported, free, function);
}

// Go makes its threads with the default attributes, of which RLIMIT_STACK decided when the
// program started; the stack of main grows up to that limit. See pthread_create(3), getrlimit(2).
size_t thread_stack(void) {
  size_t size = 0;
  pthread_attr_t attributes;
  struct rlimit limit;
  if (pthread_attr_init(&attributes) == 0) {
    pthread_attr_getstacksize(&attributes, &size);
    pthread_attr_destroy(&attributes);
  }
  if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < size)
    size = limit.rlim_cur;
  return size;
}

wasm_byte_vec_t trap_message(void *trap, int *code) {
  wasm_byte_vec_t message = {0, NULL};
  uint8_t number;
  *code = wasmtime_trap_code(trap, &number) ? number : -1;
  wasm_trap_message(trap, &message);
  wasm_trap_delete(trap);
  return message;
}

wasm_byte_vec_t error_message(void *error) {
  wasm_byte_vec_t message = {0, NULL};
  wasmtime_error_message(error, &message);
  wasmtime_error_delete(error);
  return message;
}

void message_delete(wasm_byte_vec_t message) { wasm_byte_vec_delete(&message); }
