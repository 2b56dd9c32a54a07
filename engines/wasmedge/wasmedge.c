//go:build cgo && linux && amd64 && (wasmer || v8 || wasmedge)

#define _GNU_SOURCE
#include "wasmedge.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Of wasmedge.h, version 0.14, as far as later versions have the same. The opaque types are void here. What has
// changed since is left out: limits of memories, whose numbers are as long as a later memory may need.
typedef struct {
  uint32_t code;
} result_t;
typedef struct {
  uint8_t data[8];
} valtype_t;
typedef struct {
  unsigned __int128 value;
  valtype_t type;
} value_t;
typedef struct {
  uint32_t length;
  const char *data;
} string_t;
typedef result_t host_function(void *data, const void *frame, const value_t *params, value_t *returns);

#define FUNCTIONS(F)                                                                                              \
  F(const char *, VersionGet, (void))                                                                             \
  F(uint32_t, VersionGetMajor, (void))                                                                            \
  F(uint32_t, VersionGetMinor, (void))                                                                            \
  F(void, LogOff, (void))                                                                                         \
  F(valtype_t, ValTypeGenI32, (void))                                                                             \
  F(valtype_t, ValTypeGenI64, (void))                                                                             \
  F(valtype_t, ValTypeGenF32, (void))                                                                             \
  F(valtype_t, ValTypeGenF64, (void))                                                                             \
  F(bool, ResultOK, (result_t))                                                                                   \
  F(const char *, ResultGetMessage, (result_t))                                                                   \
  F(void *, ConfigureCreate, (void))                                                                              \
  F(void, ConfigureCompilerSetOutputFormat, (void *, int))                                                        \
  F(void *, CompilerCreate, (const void *))                                                                       \
  F(void, CompilerDelete, (void *))                                                                               \
  F(result_t, CompilerCompileFromBuffer, (void *, const uint8_t *, uint64_t, const char *))                       \
  F(void *, LoaderCreate, (const void *))                                                                         \
  F(void, LoaderDelete, (void *))                                                                                 \
  F(result_t, LoaderParseFromBuffer, (void *, void **, const uint8_t *, uint32_t))                                \
  F(void *, ValidatorCreate, (const void *))                                                                      \
  F(void, ValidatorDelete, (void *))                                                                              \
  F(result_t, ValidatorValidate, (void *, const void *))                                                          \
  F(void, ASTModuleDelete, (void *))                                                                              \
  F(void *, ExecutorCreate, (const void *, void *))                                                               \
  F(void, ExecutorDelete, (void *))                                                                               \
  F(result_t, ExecutorInstantiate, (void *, void **, void *, const void *))                                       \
  F(result_t, ExecutorRegister, (void *, void **, void *, const void *, string_t))                                \
  F(result_t, ExecutorRegisterImport, (void *, void *, const void *))                                             \
  F(result_t, ExecutorInvoke, (void *, const void *, const value_t *, uint32_t, value_t *, uint32_t))             \
  F(void *, StoreCreate, (void))                                                                                  \
  F(void, StoreDelete, (void *))                                                                                  \
  F(void *, ModuleInstanceCreate, (string_t))                                                                     \
  F(void, ModuleInstanceDelete, (void *))                                                                         \
  F(void *, ModuleInstanceFindFunction, (const void *, string_t))                                                 \
  F(void *, ModuleInstanceFindMemory, (const void *, string_t))                                                   \
  F(void, ModuleInstanceAddFunction, (void *, string_t, void *))                                                  \
  F(void *, FunctionTypeCreate, (const valtype_t *, uint32_t, const valtype_t *, uint32_t))                       \
  F(void, FunctionTypeDelete, (void *))                                                                           \
  F(void *, FunctionInstanceCreate, (const void *, host_function *, void *, uint64_t))                            \
  F(uint8_t *, MemoryInstanceGetPointer, (void *, uint64_t, uint64_t))                                            \
  F(uint32_t, MemoryInstanceGetPageSize, (const void *))

#define DECLARE(type, name, params) type(*name) params;
static struct {
  FUNCTIONS(DECLARE)
} edge;

const char *wasmedge_load(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return dlerror();
#define FIND(type, name, params)                              \
  if (!(*(void **)&edge.name = dlsym(library, "WasmEdge_" #name))) \
    return dlerror();
  FUNCTIONS(FIND)
  edge.LogOff();
  return NULL;
}

const char *wasmedge_version(int *major, int *minor) {
  *major = (int)edge.VersionGetMajor();
  *minor = (int)edge.VersionGetMinor();
  return edge.VersionGet();
}

static void *configuration;

static string_t string(text of) { return (string_t){(uint32_t)of.length, of.data}; }
static string_t name_of(const char *of) { return (string_t){(uint32_t)strlen(of), of}; }
static char *message(result_t result) { return strdup(edge.ResultGetMessage(result)); }

// module is a module with native code in it, and the same as bytes, which can be kept.
typedef struct {
  void *ast;
  uint8_t *code;
  size_t length;
} module;

static void *parse(const uint8_t *code, size_t length, char **error) {
  void *loader = edge.LoaderCreate(configuration), *validator = edge.ValidatorCreate(configuration), *ast = NULL;
  result_t result = edge.LoaderParseFromBuffer(loader, &ast, code, (uint32_t)length);
  if (edge.ResultOK(result))
    result = edge.ValidatorValidate(validator, ast);
  if (!edge.ResultOK(result)) {
    if (ast)
      edge.ASTModuleDelete(ast);
    ast = NULL;
    if (error)
      *error = message(result);
  }
  edge.LoaderDelete(loader);
  edge.ValidatorDelete(validator);
  return ast;
}

static void free_module(void *of) {
  module *m = of;
  edge.ASTModuleDelete(m->ast);
  free(m->code);
  free(m);
}

// read_all reads a file.
static uint8_t *read_all(int fd, size_t *length) {
  off_t size = lseek(fd, 0, SEEK_END);
  uint8_t *bytes = size > 0 ? malloc((size_t)size) : NULL;
  for (*length = 0; bytes && *length < (size_t)size;) {
    ssize_t n = pread(fd, bytes + *length, (size_t)size - *length, (off_t)*length);
    if (n <= 0) {
      free(bytes);
      return NULL;
    }
    *length += (size_t)n;
  }
  return bytes;
}

static void *make_module(uint8_t *code, size_t length, char **error) {
  module *m = calloc(1, sizeof *m);
  if (m && (m->ast = parse(code, length, error))) {
    m->code = code;
    m->length = length;
    return m;
  }
  free(m);
  free(code);
  return NULL;
}

static void *compile(const uint8_t *wasm, size_t length, char **error) {
  // The compiler believes what it is given.
  void *valid = parse(wasm, length, error);
  if (!valid)
    return NULL;
  edge.ASTModuleDelete(valid);
  // It writes to a path alone.
  char path[] = "/tmp/rrbench-wasmedge-XXXXXX";
  int fd = mkstemp(path);
  // Its linker ends the process where there is no room for its files.
  bool room = fd >= 0 && posix_fallocate(fd, 0, (off_t)(16 * length + (4 << 20))) == 0;
  if (!room) {
    *error = strdup("it needs temporary files in /tmp, and there is no room for them");
    if (fd >= 0) {
      unlink(path);
      close(fd);
    }
    return NULL;
  }
  void *compiler = edge.CompilerCreate(configuration);
  result_t result = edge.CompilerCompileFromBuffer(compiler, wasm, length, path);
  edge.CompilerDelete(compiler);
  close(fd);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  unlink(path);
  uint8_t *code = NULL;
  size_t size = 0;
  if (!edge.ResultOK(result))
    *error = message(result);
  else if (!(code = read_all(fd, &size)))
    *error = strdup("its compiler has written nothing");
  close(fd);
  return code ? make_module(code, size, error) : NULL;
}

static uint8_t *serialize(void *of, size_t *length) {
  const module *m = of;
  uint8_t *copy = malloc(m->length);
  if (copy)
    memcpy(copy, m->code, *length = m->length);
  return copy;
}

static void *deserialize(const uint8_t *code, size_t length) {
  uint8_t *copy = malloc(length);
  return copy ? make_module(memcpy(copy, code, length), length, NULL) : NULL;
}

// imported is what a host function knows of itself, function what an export is called by.
typedef struct {
  guest *g;
  uint32_t index;
  size_t params, results;
} imported;
typedef struct {
  void *callee;
  size_t params, results;
  valtype_t types[];
} function;

// instance is guest.own.
typedef struct {
  void *executor, *store, *lender, *memory, *instance;
  // hosts are modules of host functions, one for each name of a module; count is that of imports.
  void **hosts;
  text *names;
  imported *imports;
  size_t count, modules;
} instance;

// inside is how many guests are on this thread's stack.
static __thread int inside;
// exhausted: the last fault of this thread was at its stack's end.
static __thread bool exhausted;

static void refresh(guest *g) {
  const instance *in = g->own;
  if (!in->memory)
    return;
  uint64_t size = (uint64_t)edge.MemoryInstanceGetPageSize(in->memory) << 16;
  if (size != g->size || !g->base) {
    g->base = edge.MemoryInstanceGetPointer(in->memory, 0, 0);
    g->size = size;
  }
}

static const result_t success = {0}, failure = {2};

static result_t call_host(void *data, const void *frame, const value_t *params, value_t *returns) {
  const imported *import = data;
  guest *g = import->g;
  (void)frame;
  uint64_t stack[import->params + import->results + 1];
  for (size_t i = 0; i < import->params; i++)
    stack[i] = (uint64_t)params[i].value;
  // WasmEdge has no limit of its own for a guest's stack but the thread's end.
  if (!g->stack_left()) {
    exhausted = true;
    return failure;
  }
  int outside = inside;
  inside = 0;
  bool went_well = g->host(g, import->index, stack, import->params > import->results ? import->params : import->results);
  inside = outside;
  if (!went_well)
    return failure;
  for (size_t i = 0; i < import->results; i++)
    returns[i].value = stack[i];
  return success;
}

static const char out_of_stack[] = "call stack exhausted";

static char *call(guest *g, void *of, uint64_t *stack) {
  const instance *in = g->own;
  const function *f = of;
  value_t params[f->params + 1], results[f->results + 1];
  if (!g->stack_left())
    return strdup(out_of_stack);
  for (size_t i = 0; i < f->params; i++)
    params[i] = (value_t){stack[i], f->types[i]};
  inside++;
  exhausted = false;
  result_t result = edge.ExecutorInvoke(in->executor, f->callee, params, (uint32_t)f->params, results, (uint32_t)f->results);
  inside--;
  if (!edge.ResultOK(result))
    return exhausted ? strdup(out_of_stack) : message(result);
  for (size_t i = 0; i < f->results; i++)
    stack[i] = (uint64_t)results[i].value;
  return NULL;
}

static valtype_t type_of(uint8_t letter) {
  switch (letter) {
  case 0x7f:
    return edge.ValTypeGenI32();
  case 0x7e:
    return edge.ValTypeGenI64();
  case 0x7d:
    return edge.ValTypeGenF32();
  default:
    return edge.ValTypeGenF64();
  }
}

// host_module finds or makes the module of host functions of that name.
static void *host_module(instance *in, text name) {
  for (size_t i = 0; i < in->modules; i++)
    if (in->names[i].length == name.length && !memcmp(in->names[i].data, name.data, name.length))
      return in->hosts[i];
  in->names[in->modules] = name;
  return in->hosts[in->modules++] = edge.ModuleInstanceCreate(string(name));
}

static void import_host(guest *g, const import_t *wanted) {
  instance *in = g->own;
  imported *import = &in->imports[in->count++];
  const signature *type = &wanted->type;
  *import = (imported){g, wanted->index, type->params_length, type->results_length};
  valtype_t params[import->params + 1], results[import->results + 1];
  for (size_t i = 0; i < import->params; i++)
    params[i] = type_of(type->params[i]);
  for (size_t i = 0; i < import->results; i++)
    results[i] = type_of(type->results[i]);
  void *kind = edge.FunctionTypeCreate(params, (uint32_t)import->params, results, (uint32_t)import->results);
  void *made = edge.FunctionInstanceCreate(kind, call_host, import, 0);
  edge.FunctionTypeDelete(kind);
  edge.ModuleInstanceAddFunction(host_module(in, wanted->module), string(wanted->name), made);
}

static size_t put_number(uint8_t *to, uint32_t number) {
  size_t length = 0;
  do {
    to[length++] = (number & 0x7f) | (number > 0x7f ? 0x80 : 0);
    number >>= 7;
  } while (number);
  return length;
}

// memory_length is what WasmEdge reserves for a memory, which begins at memory_lead of it.
static const size_t memory_length = (size_t)12 << 30, memory_lead = (size_t)4 << 30;

// lend_memory makes the module from which the guest's imports its memory: one that has nothing else.
static char *lend_memory(guest *g, uint32_t minimum, uint32_t maximum) {
  instance *in = g->own;
  uint8_t wasm[64] = {0, 'a', 's', 'm', 1, 0, 0, 0, 5, 0, 1, 1}, *end = wasm + 12;
  static const uint8_t export[] = {7, 10, 1, 6, 'm', 'e', 'm', 'o', 'r', 'y', 2, 0};
  end += put_number(end, minimum);
  end += put_number(end, maximum);
  wasm[9] = (uint8_t)(end - wasm - 10);
  memcpy(end, export, sizeof export);
  end += sizeof export;
  char *error = NULL;
  void *ast = parse(wasm, (size_t)(end - wasm), &error);
  if (!ast)
    return error;
  reserved beside = g->reserve_beside(g, memory_length, memory_lead);
  result_t result = edge.ExecutorRegister(in->executor, &in->lender, in->store, ast, name_of("rrbench-memory"));
  g->give_back(beside);
  edge.ASTModuleDelete(ast);
  if (!edge.ResultOK(result))
    return message(result);
  in->memory = edge.ModuleInstanceFindMemory(in->lender, name_of("memory"));
  refresh(g);
  return g->base ? NULL : strdup("the system has no address space left for a memory: raise ulimit -v or vm.max_map_count");
}

static char *instantiate(guest *g, void *of, const import_t *imports, size_t count, bool has_memory, uint32_t minimum,
                         uint32_t maximum) {
  const module *m = of;
  instance *in = g->keep(g, sizeof *in);
  g->own = in;
  g->refresh = refresh;
  g->call = call;
  if (!in || !(in->hosts = g->keep(g, count * sizeof *in->hosts)) || !(in->names = g->keep(g, count * sizeof *in->names)) ||
      !(in->imports = g->keep(g, count * sizeof *in->imports)))
    return strdup("the C library has no memory left");
  in->executor = edge.ExecutorCreate(configuration, NULL);
  in->store = edge.StoreCreate();
  if (has_memory) {
    char *error = lend_memory(g, minimum, maximum);
    if (error)
      return error;
  }
  for (size_t i = 0; i < count; i++)
    import_host(g, &imports[i]);
  for (size_t i = 0; i < in->modules; i++) {
    result_t result = edge.ExecutorRegisterImport(in->executor, in->store, in->hosts[i]);
    if (!edge.ResultOK(result))
      return message(result);
  }
  inside++;
  exhausted = false;
  result_t result = edge.ExecutorInstantiate(in->executor, &in->instance, in->store, m->ast);
  inside--;
  if (!edge.ResultOK(result))
    return exhausted ? strdup(out_of_stack) : message(result);
  refresh(g);
  return NULL;
}

static void *find_function(guest *g, text name, signature type) {
  instance *in = g->own;
  void *callee = edge.ModuleInstanceFindFunction(in->instance, string(name));
  function *f = callee ? g->keep(g, sizeof *f + type.params_length * sizeof(valtype_t)) : NULL;
  if (!f)
    return NULL;
  f->callee = callee;
  f->params = type.params_length;
  f->results = type.results_length;
  for (size_t i = 0; i < f->params; i++)
    f->types[i] = type_of(type.params[i]);
  return f;
}

static void free_guest(guest *g) {
  instance *in = g->own;
  if (!in)
    return;
  if (in->instance)
    edge.ModuleInstanceDelete(in->instance);
  if (in->lender)
    edge.ModuleInstanceDelete(in->lender);
  for (size_t i = 0; i < in->modules; i++)
    edge.ModuleInstanceDelete(in->hosts[i]);
  if (in->store)
    edge.StoreDelete(in->store);
  if (in->executor)
    edge.ExecutorDelete(in->executor);
}

const backend *wasmedge_backend(void) {
  static const backend wasmedge = {compile, free_module, serialize, deserialize, NULL, instantiate, find_function, free_guest};
  return &wasmedge;
}

// WasmEdge's compiled code relies on faults for its bounds. WasmEdge has its handlers of signals while a guest
// runs in any thread, and none afterwards, neither its own nor those that Go had before. So one guest runs for
// ever, on a thread of its own, in a host function that never returns: WasmEdge's handlers are set once, and
// then one is set in front of them that knows whose a fault is.
static struct sigaction gos[NSIG], edges[NSIG];

static void on_fault(int number, siginfo_t *info, void *context) {
  const struct sigaction *to = inside > 0 ? &edges[number] : &gos[number];
  if (inside > 0 && number == SIGSEGV) {
    // Within a page or so of where the stack pointer is, it is the stack that ends.
    uintptr_t at = (uintptr_t)info->si_addr, sp = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RSP];
    exhausted = at - (sp - (1 << 16)) < 2 << 16;
  }
  if (to->sa_flags & SA_SIGINFO)
    to->sa_sigaction(number, info, context);
  else if (to->sa_handler != SIG_DFL && to->sa_handler != SIG_IGN)
    to->sa_handler(number);
  else
    sigaction(number, to, NULL);
}

static sem_t parked;

static result_t park(void *data, const void *frame, const value_t *params, value_t *returns) {
  (void)data, (void)frame, (void)params, (void)returns;
  sem_post(&parked);
  for (;;)
    pause();
}

// A module with one function that calls its import m.f, and is exported as g.
static const uint8_t calling[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 2, 7, 1, 1, 'm', 1, 'f', 0, 0,
                                  3, 2, 1, 0, 7, 5, 1, 1, 'g', 0, 1, 10, 6, 1, 4, 0, 0x10, 0, 0x0b};

static void *run_for_ever(void *of) {
  const module *m = of;
  void *executor = edge.ExecutorCreate(configuration, NULL), *store = edge.StoreCreate(), *instance = NULL;
  void *host = edge.ModuleInstanceCreate(name_of("m")), *kind = edge.FunctionTypeCreate(NULL, 0, NULL, 0);
  edge.ModuleInstanceAddFunction(host, name_of("f"), edge.FunctionInstanceCreate(kind, park, NULL, 0));
  if (edge.ResultOK(edge.ExecutorRegisterImport(executor, store, host)) &&
      edge.ResultOK(edge.ExecutorInstantiate(executor, &instance, store, m->ast)))
    edge.ExecutorInvoke(executor, edge.ModuleInstanceFindFunction(instance, name_of("g")), NULL, 0, NULL, 0);
  sem_post(&parked);
  return NULL;
}

bool wasmedge_start(void) {
  const int faults[] = {SIGSEGV, SIGBUS, SIGFPE};
  enum { universal = 1 };
  configuration = edge.ConfigureCreate();
  edge.ConfigureCompilerSetOutputFormat(configuration, universal);
  char *error = NULL;
  void *m = compile(calling, sizeof calling, &error);
  free(error);
  pthread_t thread;
  sigset_t all, before;
  if (!m || sem_init(&parked, 0, 0))
    return false;
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
    sigaction(faults[i], NULL, &gos[faults[i]]);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&thread, NULL, run_for_ever, m);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failed)
    return false;
  while (sem_wait(&parked))
    continue;
  struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART};
  ours.sa_sigaction = on_fault;
  sigemptyset(&ours.sa_mask);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
    sigaction(faults[i], &ours, &edges[faults[i]]);
  return edges[SIGSEGV].sa_sigaction != gos[SIGSEGV].sa_sigaction;
}
