//go:build cgo && linux && amd64 && wasmer

#include "wasmer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// Of wasm.h, the C API that WebAssembly engines have in common
// (https://github.com/WebAssembly/wasm-c-api), and of wasmer.h; their headers lie inside the
// wasmer-go module, where no include path of ours leads. The opaque types are void here.
#define VECTOR(name, element) \
  typedef struct {            \
    size_t size;              \
    element *data;            \
  } name
typedef struct {
  uint8_t kind;
  union {
    int32_t i32;
    int64_t i64;
  } of;
} wasm_val_t;
typedef struct {
  uint32_t min, max;
} wasm_limits_t;
VECTOR(wasm_byte_vec_t, char);
VECTOR(wasm_val_vec_t, wasm_val_t);
VECTOR(wasm_valtype_vec_t, void *);
VECTOR(wasm_extern_vec_t, void *);
VECTOR(wasm_exporttype_vec_t, void *);
extern void *wasm_engine_new(void);
extern void *wasm_store_new(void *engine);
extern void wasm_store_delete(void *store);
extern void *wasm_module_new(void *store, const wasm_byte_vec_t *binary);
extern void wasm_module_delete(void *module);
extern void wasm_module_serialize(const void *module, wasm_byte_vec_t *out);
extern void *wasm_module_deserialize(void *store, const wasm_byte_vec_t *binary);
extern void wasm_module_exports(const void *module, wasm_exporttype_vec_t *out);
extern void wasm_exporttype_vec_delete(wasm_exporttype_vec_t *);
extern const wasm_byte_vec_t *wasm_exporttype_name(const void *type);
extern void wasm_byte_vec_delete(wasm_byte_vec_t *);
extern void *wasm_valtype_new(uint8_t kind);
extern void wasm_valtype_vec_new(wasm_valtype_vec_t *out, size_t size, void *const *types);
extern void *wasm_functype_new(wasm_valtype_vec_t *params, wasm_valtype_vec_t *results);
extern void wasm_functype_delete(void *type);
extern void *wasm_func_new_with_env(void *store, const void *type,
                                    void *(*callback)(void *, const wasm_val_vec_t *, wasm_val_vec_t *), void *env,
                                    void (*finalizer)(void *));
extern void wasm_func_delete(void *function);
extern void *wasm_func_as_extern(void *function);
extern void *wasm_func_call(const void *function, const wasm_val_vec_t *args, wasm_val_vec_t *results);
extern void *wasm_memorytype_new(const wasm_limits_t *limits);
extern void wasm_memorytype_delete(void *type);
extern void *wasm_memory_new(void *store, const void *type);
extern void wasm_memory_delete(void *memory);
extern char *wasm_memory_data(void *memory);
extern size_t wasm_memory_data_size(const void *memory);
extern void *wasm_memory_as_extern(void *memory);
extern void *wasm_instance_new(void *store, const void *module, const wasm_extern_vec_t *imports, void **trap);
extern void wasm_instance_delete(void *instance);
extern void wasm_instance_exports(const void *instance, wasm_extern_vec_t *out);
extern void wasm_extern_vec_delete(wasm_extern_vec_t *);
extern void *wasm_extern_as_func(void *external);
extern void *wasm_trap_new(void *store, const wasm_byte_vec_t *message);
extern void wasm_trap_message(const void *trap, wasm_byte_vec_t *out);
extern void wasm_trap_delete(void *trap);
extern int wasmer_last_error_length(void);
extern int wasmer_last_error_message(char *buffer, int length);

// memory_length is what Wasmer reserves for a memory: 4 GiB and a guard.
static const size_t memory_length = (size_t)6 << 30;

// module has a store of its own, in which its instances are, too.
typedef struct {
  void *store, *code;
} module;

// imported is the environment of a host function, function an export.
typedef struct {
  guest *g;
  uint32_t index;
  size_t params, results;
  uint8_t result_kinds[];
} imported;
typedef struct {
  void *callee;
  size_t params, results;
  uint8_t param_kinds[];
} function;

// instance is guest.own.
typedef struct {
  void *store, *memory, *instance;
  void **imports; // functions
  size_t count;
  wasm_extern_vec_t exports;
  wasm_exporttype_vec_t types;
} instance;

// A number's letter in the binary format is 0x7f for i32 to 0x7c for f64; Wasmer has 0 to 3.
static uint8_t kind_of(uint8_t letter) { return 0x7f - letter; }

static void *engine;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void new_engine(void) { engine = wasm_engine_new(); }

static char *last_error(const char *otherwise) {
  int length = wasmer_last_error_length();
  char *message = length > 0 ? calloc(1, length + 1) : NULL;
  if (message && wasmer_last_error_message(message, length) > 0)
    return message;
  free(message);
  return strdup(otherwise);
}

static char *take_trap(void *trap) {
  wasm_byte_vec_t text = {0, NULL};
  wasm_trap_message(trap, &text);
  wasm_trap_delete(trap);
  char *message = strndup(text.data ? text.data : "", text.size);
  wasm_byte_vec_delete(&text);
  return message;
}

static void free_module(void *of) {
  module *m = of;
  if (m->code)
    wasm_module_delete(m->code);
  wasm_store_delete(m->store);
  free(m);
}

static void *make(void *from(void *, const wasm_byte_vec_t *), const uint8_t *bytes, size_t length, char **error) {
  const wasm_byte_vec_t binary = {length, (char *)bytes};
  pthread_once(&once, new_engine);
  module *m = calloc(1, sizeof *m);
  if (!m)
    return NULL;
  m->store = wasm_store_new(engine);
  if ((m->code = from(m->store, &binary)))
    return m;
  *error = last_error("it does not say why");
  free_module(m);
  return NULL;
}

static void *compile(const uint8_t *wasm, size_t length, char **error) {
  return make(wasm_module_new, wasm, length, error);
}

static uint8_t *serialize(void *of, size_t *length) {
  const module *m = of;
  wasm_byte_vec_t code = {0, NULL};
  wasm_module_serialize(m->code, &code);
  uint8_t *copy = code.size ? malloc(code.size) : NULL;
  if (copy)
    memcpy(copy, code.data, *length = code.size);
  wasm_byte_vec_delete(&code);
  return copy;
}

static void *deserialize(const uint8_t *code, size_t length) {
  char *error = NULL;
  void *m = make(wasm_module_deserialize, code, length, &error);
  free(error);
  return m;
}

static void refresh(guest *g) {
  const instance *in = g->own;
  if (!in->memory)
    return;
  uint64_t size = wasm_memory_data_size(in->memory);
  if (size != g->size || !g->base) {
    g->base = (uint8_t *)wasm_memory_data(in->memory);
    g->size = size;
  }
}

static char exhausted[] = "call stack exhausted";

static void *call_host(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
  const imported *import = env;
  guest *g = import->g;
  const instance *in = g->own;
  uint64_t stack[import->params + import->results + 1];
  for (size_t i = 0; i < import->params; i++)
    stack[i] = (uint64_t)args->data[i].of.i64;
  size_t slots = import->params > import->results ? import->params : import->results;
  // Wasmer has no limit of its own for a guest's stack but the thread's end.
  if (!g->stack_left()) {
    const wasm_byte_vec_t message = {sizeof exhausted, exhausted};
    return wasm_trap_new(in->store, &message);
  }
  if (!g->host(g, import->index, stack, slots)) {
    const wasm_byte_vec_t message = {sizeof "host function failed", "host function failed"};
    return wasm_trap_new(in->store, &message);
  }
  for (size_t i = 0; i < import->results; i++) {
    results->data[i].kind = import->result_kinds[i];
    results->data[i].of.i64 = (int64_t)stack[i];
  }
  return NULL;
}

static char *call(guest *g, void *of, uint64_t *stack) {
  const function *f = of;
  if (!g->stack_left())
    return strdup(exhausted);
  wasm_val_t params[f->params + 1], results[f->results + 1];
  for (size_t i = 0; i < f->params; i++) {
    params[i].kind = f->param_kinds[i];
    params[i].of.i64 = (int64_t)stack[i];
  }
  memset(results, 0, sizeof results);
  const wasm_val_vec_t args = {f->params, params};
  wasm_val_vec_t returned = {f->results, results};
  void *trap = wasm_func_call(f->callee, &args, &returned);
  if (trap)
    return take_trap(trap);
  for (size_t i = 0; i < f->results; i++)
    stack[i] = (uint64_t)results[i].of.i64;
  return NULL;
}

static void value_types(wasm_valtype_vec_t *out, const uint8_t *letters, size_t length) {
  void *types[length + 1];
  for (size_t i = 0; i < length; i++)
    types[i] = wasm_valtype_new(kind_of(letters[i]));
  wasm_valtype_vec_new(out, length, types);
}

// import_host makes a host function, and says whether it could.
static bool import_host(guest *g, const import_t *wanted) {
  instance *in = g->own;
  imported *env = g->keep(g, sizeof *env + wanted->type.results_length);
  if (!env)
    return false;
  env->g = g;
  env->index = wanted->index;
  env->params = wanted->type.params_length;
  env->results = wanted->type.results_length;
  for (size_t i = 0; i < env->results; i++)
    env->result_kinds[i] = kind_of(wanted->type.results[i]);
  wasm_valtype_vec_t params, results;
  value_types(&params, wanted->type.params, env->params);
  value_types(&results, wanted->type.results, env->results);
  void *type = wasm_functype_new(&params, &results);
  in->imports[in->count++] = wasm_func_new_with_env(in->store, type, call_host, env, NULL);
  wasm_functype_delete(type);
  return true;
}

static char *instantiate(guest *g, void *of, const import_t *imports, size_t count, bool has_memory, uint32_t minimum,
                         uint32_t maximum) {
  const module *m = of;
  instance *in = g->keep(g, sizeof *in);
  g->own = in;
  g->refresh = refresh;
  g->call = call;
  if (!in || !(in->imports = g->keep(g, count * sizeof *in->imports)))
    return strdup("the C library has no memory left");
  in->store = m->store;
  for (size_t i = 0; i < count; i++)
    if (!import_host(g, &imports[i]))
      return strdup("the C library has no memory left");
  void *externals[count + 1];
  for (size_t i = 0; i < count; i++)
    externals[i] = wasm_func_as_extern(in->imports[i]);
  if (has_memory) {
    const wasm_limits_t limits = {minimum, maximum};
    void *type = wasm_memorytype_new(&limits);
    reserved beside = g->reserve_beside(g, memory_length, 0);
    in->memory = wasm_memory_new(in->store, type);
    g->give_back(beside);
    wasm_memorytype_delete(type);
    if (!in->memory)
      return last_error("the system has no address space left for a memory: raise ulimit -v or vm.max_map_count");
    refresh(g);
    if (!g->replace(g))
      return strdup("the system has no memory left (mmap)");
    externals[count] = wasm_memory_as_extern(in->memory);
  }
  const wasm_extern_vec_t list = {count + has_memory, externals};
  void *trap = NULL;
  in->instance = wasm_instance_new(in->store, m->code, &list, &trap);
  if (trap)
    return take_trap(trap);
  if (!in->instance)
    return last_error("it does not say why");
  wasm_instance_exports(in->instance, &in->exports);
  wasm_module_exports(m->code, &in->types);
  refresh(g);
  return NULL;
}

static void *find_function(guest *g, text name, signature type) {
  instance *in = g->own;
  for (size_t i = 0; i < in->exports.size && i < in->types.size; i++) {
    const wasm_byte_vec_t *known = wasm_exporttype_name(in->types.data[i]);
    if (known->size != name.length || memcmp(known->data, name.data, name.length))
      continue;
    function *f = g->keep(g, sizeof *f + type.params_length);
    if (!f)
      return NULL;
    f->callee = wasm_extern_as_func(in->exports.data[i]);
    f->params = type.params_length;
    f->results = type.results_length;
    for (size_t k = 0; k < f->params; k++)
      f->param_kinds[k] = kind_of(type.params[k]);
    return f;
  }
  return NULL;
}

static void free_guest(guest *g) {
  instance *in = g->own;
  if (!in)
    return;
  if (in->exports.data)
    wasm_extern_vec_delete(&in->exports);
  if (in->types.data)
    wasm_exporttype_vec_delete(&in->types);
  if (in->instance)
    wasm_instance_delete(in->instance);
  for (size_t i = 0; i < in->count; i++)
    wasm_func_delete(in->imports[i]);
  if (in->memory)
    wasm_memory_delete(in->memory);
}

const backend *wasmer_backend(void) {
  static const backend wasmer = {compile, free_module, serialize, deserialize, NULL, instantiate, find_function, free_guest};
  return &wasmer;
}
