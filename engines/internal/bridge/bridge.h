#ifndef RRBENCH_BRIDGE_H
#define RRBENCH_BRIDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct guest guest;
typedef struct direct_call direct_call;

// reserved is address space.
typedef struct {
  void *at;
  size_t length;
} reserved;

// guest is what the border needs to know of an instance. It is C memory: engines keep pointers to it.
// Base and size are those of the guest's memory whenever Go code runs, because only the guest makes
// it grow and every way out of the guest notes the size.
struct guest {
  uintptr_t instance; // the instance's number in Go
  uint8_t *base;      // NULL while there is no memory
  uint64_t size;      // in bytes
  void *own;          // the engine's, which keep may have returned
  struct kept *kept;  // what keep has returned
  // The engine notes base and size.
  void (*refresh)(guest *);
  // The engine runs a function of backend.function: parameters from the front of the stack, results
  // to its front. It returns NULL, or why the function has not returned: an engine's text, freed
  // by the caller.
  char *(*call)(guest *, void *function, uint64_t *stack);
  // The engine has a guest's call of an import arrive here, with the same stack and its slots. False: the
  // guest's call is to end, and what it was called by returns.
  bool (*host)(guest *, uint32_t import, uint64_t *stack, size_t slots);
  // Whether the thread's stack has as much left as the host's part of a call takes. Engines that know no limit
  // but the stack's end ask before they enter the guest and before they call the host.
  bool (*stack_left)(void);
  // reserve_beside has an engine's next mmap(2) of length bytes anywhere begin so that a memory whose base lies
  // lead bytes behind it has the place that windows want, if it can; give_back follows. The engine asks
  // for nothing else meanwhile, and looks afterwards where its memory is.
  reserved (*reserve_beside)(const guest *, size_t length, size_t lead);
  void (*give_back)(reserved);
  size_t offset, modulus; // the place: what is left of the base's division by modulus, a power of two
  bool refused; // instantiate has failed, and before the start section
  // replace has a memory that was made just now be mapped as package memory maps pages, so that what moves out of it
  // and back is one with the rest again. It returns false where that cannot be.
  bool (*replace)(const guest *);
  // keep returns zeroed memory that lives as long as the guest, or NULL.
  void *(*keep)(guest *, size_t length);
  direct_call *answering; // who answers a call of the host, or NULL
};

// signature has a letter for each parameter and result: those of the binary format, as text.
typedef struct {
  const uint8_t *params, *results;
  size_t params_length, results_length;
} signature;

// text need not end with a zero, and may have one inside.
typedef struct {
  const char *data;
  size_t length;
} text;

// import is one of the module's own list; index is for guest.host.
typedef struct {
  text module, name;
  signature type;
  uint32_t index;
} import_t;

// backend is an engine. Errors are the engine's text, freed by the caller.
typedef struct {
  // compile returns a module that free_module frees, or NULL and why. Instances do not need
  // it any more.
  void *(*compile)(const uint8_t *wasm, size_t length, char **error);
  void (*free_module)(void *module);
  // serialize returns code for deserialize or deserialize_file, freed by free(3). What there is not is NULL.
  uint8_t *(*serialize)(void *module, size_t *length);
  void *(*deserialize)(const uint8_t *code, size_t length);
  void *(*deserialize_file)(const char *path);
  // instantiate sets guest.own, refresh and call and runs the start section. maximum is that of the
  // memory in pages, minimum is what it begins with; both are 0 where has_memory is false. It
  // returns NULL or why not; free_guest follows in any case, and frees what keep has not returned.
  char *(*instantiate)(guest *, void *module, const import_t *imports, size_t count, bool has_memory,
                       uint32_t minimum, uint32_t maximum);
  // function finds an export that exists; it lives as long as the guest.
  void *(*function)(guest *, text name, signature type);
  void (*free_guest)(guest *);
} backend;

// direct_call takes a payload from one guest to another: within a call of function, the call of
// the import index with (pointer, length) is answered here.
//
// Invariant: while bridge_direct_call_run runs, both guests are alive and no thread but its own uses
// them. Between a look at a memory's base and the end of the copy no guest runs, so neither
// base nor size changes; both ranges are checked against the sizes of that moment. answering
// of the first guest is not NULL only then, and only until the handler has been called.
struct direct_call {
  guest *from, *to;
  void *function, *handler;
  uint32_t index;
  uint32_t pointer, length, place, failed;
  bool answered;
  uint32_t status;          // what function returned
  int64_t copied, returned; // CLOCK_MONOTONIC, ns
  uint64_t result;
  char *error; // of the handler
};

// of package bridge
guest *bridge_guest_new(uintptr_t instance, size_t offset, size_t modulus);
char *bridge_guest_call(uintptr_t g, uintptr_t function, uint64_t *stack);
void *backend_compile(const backend *b, const uint8_t *wasm, size_t length, char **error);
void backend_free_module(const backend *b, void *module);
uint8_t *backend_serialize(const backend *b, void *module, size_t *length);
void *backend_deserialize(const backend *b, const uint8_t *code, size_t length);
void *backend_deserialize_file(const backend *b, const char *path);
char *backend_instantiate(const backend *b, guest *g, void *module, const import_t *imports, size_t count,
                          bool has_memory, uint32_t minimum, uint32_t maximum);
void *backend_function(const backend *b, guest *g, text name, signature type);
void backend_free_guest(const backend *b, guest *g);
direct_call *bridge_direct_call_new(uintptr_t from, uint32_t index, uintptr_t function, uintptr_t to, uintptr_t handler);
char *bridge_direct_call_run(uintptr_t direct_call, uint32_t pointer, uint32_t length, uint32_t place, uint32_t failed);
int64_t bridge_direct_call_clock(void);

#ifdef __cplusplus
}
#endif
#endif
