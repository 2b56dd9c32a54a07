//go:build cgo && linux && !wasmer

#include "wasmtime.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

// Of wasm.h and wasmtime.h; the opaque types are void here.
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
typedef struct {
  size_t size;
  void **data;
} wasm_valtype_vec_t;
extern void *wasm_config_new(void);
extern void wasmtime_config_memory_init_cow_set(void *config, bool enabled);
extern void wasmtime_config_native_unwind_info_set(void *config, bool enabled);
extern void wasmtime_config_wasm_threads_set(void *config, bool enabled);
extern void wasmtime_config_wasm_memory64_set(void *config, bool enabled);
extern void wasmtime_config_wasm_multi_memory_set(void *config, bool enabled);
extern void wasmtime_config_wasm_gc_set(void *config, bool enabled);
extern void wasmtime_config_wasm_function_references_set(void *config, bool enabled);
extern void wasmtime_config_max_wasm_stack_set(void *config, size_t bytes);
extern void *wasm_engine_new_with_config(void *config);
extern void *wasmtime_module_new(void *engine, const uint8_t *wasm, size_t length, void **module);
extern void *wasmtime_module_serialize(void *module, wasm_byte_vec_t *code);
extern void *wasmtime_module_deserialize_file(void *engine, const char *path, void **module);
extern void wasmtime_module_delete(void *module);
extern void *wasmtime_store_new(void *engine, void *data, void (*finalizer)(void *));
extern void *wasmtime_store_context(void *store);
extern void wasmtime_store_limiter(void *store, int64_t memory, int64_t elements, int64_t instances, int64_t tables,
                                   int64_t memories);
extern void wasmtime_store_delete(void *store);
extern void *wasm_valtype_new(uint8_t kind);
extern void wasm_valtype_vec_new(wasm_valtype_vec_t *out, size_t size, void *const *types);
extern void *wasm_functype_new(wasm_valtype_vec_t *params, wasm_valtype_vec_t *results);
extern void wasm_functype_delete(void *type);
extern void *wasmtime_instance_new(void *context, const void *module, const wasmtime_extern_t *imports, size_t count,
                                   wasmtime_instance_t *instance, void **trap);
extern bool wasmtime_instance_export_get(void *context, const wasmtime_instance_t *instance, const char *name,
                                         size_t length, wasmtime_extern_t *item);
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

enum { extern_function = 0, extern_memory = 3 };

// import is the environment of a host function, function an export.
typedef struct {
  guest *g;
  uint32_t index;
} import;
typedef struct {
  wasmtime_func_t callee;
  size_t slots;
} function;

// instance is guest.own: a store with everything that belongs to the guest in it.
typedef struct {
  void *store, *context;
  wasmtime_instance_t exports;
  enum { memory_unknown, memory_absent, memory_present } memory_state;
  wasmtime_memory_t memory;
} instance;

static void *engine;

static char *take_text(wasm_byte_vec_t text) {
  char *message = strndup(text.data ? text.data : "", text.size);
  wasm_byte_vec_delete(&text);
  return message;
}

static char *take_error(void *error) {
  wasm_byte_vec_t text = {0, NULL};
  wasmtime_error_message(error, &text);
  wasmtime_error_delete(error);
  return take_text(text);
}

// The traps that guests run into, by wasmtime_trap_code_enum, in the words that the other engines
// have for them.
static const char *const causes[] = {
    [0] = "stack overflow",
    [1] = "out of bounds memory access",
    [3] = "out of bounds table access",
    [4] = "indirect call to null",
    [5] = "indirect call type mismatch",
    [6] = "integer overflow",
    [7] = "integer divide by zero",
    [8] = "invalid conversion to integer",
    [9] = "unreachable",
};

static char *take_trap(void *trap) {
  wasm_byte_vec_t text = {0, NULL};
  uint8_t code;
  const char *cause = wasmtime_trap_code(trap, &code) && code < sizeof causes / sizeof *causes ? causes[code] : NULL;
  if (!cause)
    wasm_trap_message(trap, &text);
  wasm_trap_delete(trap);
  return cause ? strdup(cause) : take_text(text);
}

static void *compile(const uint8_t *wasm, size_t length, char **error) {
  void *module = NULL, *fault = wasmtime_module_new(engine, wasm, length, &module);
  if (fault)
    *error = take_error(fault);
  return module;
}

static uint8_t *serialize(void *module, size_t *length) {
  wasm_byte_vec_t code = {0, NULL};
  void *fault = wasmtime_module_serialize(module, &code);
  if (fault) {
    wasmtime_error_delete(fault);
    return NULL;
  }
  uint8_t *copy = malloc(code.size);
  if (copy)
    memcpy(copy, code.data, *length = code.size);
  wasm_byte_vec_delete(&code);
  return copy;
}

// Wasmtime checks version, configuration and processor by itself, and the file is mapped: processes
// share its pages.
static void *deserialize_file(const char *path) {
  void *module = NULL, *fault = wasmtime_module_deserialize_file(engine, path, &module);
  if (fault)
    wasmtime_error_delete(fault);
  return module;
}

// refresh notes the size of the memory. The base moves only with the size.
static void refresh(guest *g) {
  const instance *in = g->own;
  if (in->memory_state != memory_present)
    return;
  uint64_t size = wasmtime_memory_data_size(in->context, &in->memory);
  if (size != g->size || !g->base) {
    g->base = wasmtime_memory_data(in->context, &in->memory);
    g->size = size;
  }
}

static const char memory_name[] = "memory";

// note_memory takes what is exported as memory.
static void note_memory(instance *in, bool found, wasmtime_extern_t *item) {
  in->memory_state = memory_absent;
  if (!found)
    return;
  if (item->kind == extern_memory) {
    in->memory = item->of.memory;
    in->memory_state = memory_present;
  }
  wasmtime_extern_delete(item);
}

// Wasmtime's slots are as wide as a vector, Go's are as wide as an integer.

static char *call(guest *g, void *of, uint64_t *stack) {
  const instance *in = g->own;
  const function *f = of;
  wasmtime_val_raw_t values[f->slots + 1];
  void *trap = NULL;
  for (size_t i = 0; i < f->slots; i++)
    values[i].i64 = (int64_t)stack[i];
  void *error = wasmtime_func_call_unchecked(in->context, &f->callee, values, f->slots, &trap);
  if (error)
    return take_error(error);
  if (trap)
    return take_trap(trap);
  for (size_t i = 0; i < f->slots; i++)
    stack[i] = (uint64_t)values[i].i64;
  return NULL;
}

static void *call_host(void *env, void *caller, wasmtime_val_raw_t *values, size_t length) {
  const import *imported = env;
  guest *g = imported->g;
  instance *in = g->own;
  void *outside = in->context;
  uint64_t stack[length + 1];
  in->context = wasmtime_caller_context(caller);
  // The start section runs before there is an instance to ask.
  if (in->memory_state == memory_unknown) {
    wasmtime_extern_t item;
    note_memory(in, wasmtime_caller_export_get(caller, memory_name, sizeof memory_name - 1, &item), &item);
  }
  for (size_t i = 0; i < length; i++)
    stack[i] = (uint64_t)values[i].i64;
  bool went_well = g->host(g, imported->index, stack, length);
  for (size_t i = 0; i < length; i++)
    values[i].i64 = (int64_t)stack[i];
  in->context = outside;
  return went_well ? NULL : wasmtime_trap_new("host function failed", 20);
}

static void value_types(wasm_valtype_vec_t *out, const uint8_t *letters, size_t length) {
  void *types[length + 1];
  // A number's letter in the binary format is 0x7f for i32 to 0x7c for f64; Wasmtime has 0 to 3.
  for (size_t i = 0; i < length; i++)
    types[i] = wasm_valtype_new(0x7f - letters[i]);
  wasm_valtype_vec_new(out, length, types);
}

// import_host makes a host function, and says whether it could.
static bool import_host(guest *g, const import_t *wanted, wasmtime_func_t *made) {
  const instance *in = g->own;
  import *env = g->keep(g, sizeof *env);
  if (!env)
    return false;
  *env = (import){g, wanted->index};
  wasm_valtype_vec_t params, results;
  value_types(&params, wanted->type.params, wanted->type.params_length);
  value_types(&results, wanted->type.results, wanted->type.results_length);
  void *type = wasm_functype_new(&params, &results);
  wasmtime_func_new_unchecked(in->context, type, call_host, env, NULL, made);
  wasm_functype_delete(type);
  return true;
}

static char *instantiate(guest *g, void *module, const import_t *imports, size_t count, bool has_memory,
                         uint32_t minimum, uint32_t maximum) {
  instance *in = g->keep(g, sizeof *in);
  g->own = in;
  g->refresh = refresh;
  g->call = call;
  g->refused = true;
  if (!in || !(in->store = wasmtime_store_new(engine, NULL, NULL)))
    return strdup("the C library has no memory left");
  in->context = wasmtime_store_context(in->store);
  const int64_t keep = -1;
  wasmtime_store_limiter(in->store, has_memory ? (int64_t)maximum << 16 : keep, keep, keep, keep, keep);
  wasmtime_extern_t item, *externals = calloc(count + 1, sizeof *externals); // of the kind extern_function
  for (size_t i = 0; i < count; i++)
    if (!externals || !import_host(g, &imports[i], &externals[i].of.func)) {
      free(externals);
      return strdup("the C library has no memory left");
    }
  void *trap = NULL;
  void *error = wasmtime_instance_new(in->context, module, externals, count, &in->exports, &trap);
  free(externals);
  if (error)
    return take_error(error);
  g->refused = false;
  if (trap)
    return take_trap(trap);
  note_memory(in, wasmtime_instance_export_get(in->context, &in->exports, memory_name, sizeof memory_name - 1, &item), &item);
  refresh(g);
  return NULL;
}

static void *find_function(guest *g, text name, signature type) {
  instance *in = g->own;
  wasmtime_extern_t item;
  if (!wasmtime_instance_export_get(in->context, &in->exports, name.data, name.length, &item) ||
      item.kind != extern_function)
    return NULL;
  function *f = g->keep(g, sizeof *f);
  if (f)
    *f = (function){item.of.func, type.params_length > type.results_length ? type.params_length : type.results_length};
  return f;
}

static void free_guest(guest *g) {
  instance *in = g->own;
  if (in && in->store)
    wasmtime_store_delete(in->store);
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

// It departs from Wasmtime's defaults, which favour speed (Cranelift at its "speed" level, bounds
// checks by guard pages, 4 GiB of address space reserved for each memory so that none ever moves),
// where they stand in the way.
const backend *wasmtime_backend(size_t stack, size_t offset, size_t modulus) {
  static const backend wasmtime = {
      compile, wasmtime_module_delete, serialize, NULL, deserialize_file, instantiate, find_function, free_guest};
  void *config = wasm_config_new();
  // Without it memories begin somewhere, and have no windows.
  place_memories(config, offset, modulus);
  // Initial memory contents would be a file mapping, which is not to be moved away.
  wasmtime_config_memory_init_cow_set(config, false);
  // Unwind tables serve debuggers only; they are registered one by one and kept.
  wasmtime_config_native_unwind_info_set(config, false);
  // What the other engines do not offer either; a shared or 64-bit memory would also
  // break what the capabilities promise.
  wasmtime_config_wasm_threads_set(config, false);
  wasmtime_config_wasm_memory64_set(config, false);
  wasmtime_config_wasm_multi_memory_set(config, false);
  wasmtime_config_max_wasm_stack_set(config, stack);
  // The limiter does not count what garbage collection would hold.
  wasmtime_config_wasm_gc_set(config, false);
  wasmtime_config_wasm_function_references_set(config, false);
  engine = wasm_engine_new_with_config(config);
  return &wasmtime;
}
