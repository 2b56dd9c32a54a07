//go:build cgo && linux

#define _GNU_SOURCE
#include "bridge.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

// In Go: runs the host function and returns whether it failed.
extern int rrbenchBridgeHost(uintptr_t instance, uint32_t index, uint64_t *stack, size_t slots);

int64_t bridge_direct_call_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool inside(const guest *g, uint32_t pointer, uint32_t length) {
  return g->base && (uint64_t)pointer + length <= g->size;
}

// answer has the other guest's handler take what the first one sends; false when that is
// for Go to do.
static bool answer(direct_call *r, guest *from, uint64_t *stack) {
  guest *to = r->to;
  if ((uint32_t)stack[0] != r->pointer || (uint32_t)stack[1] != r->length)
    return false;
  if (!inside(from, r->pointer, r->length) || !inside(to, r->place, r->length))
    return false;
  from->answering = NULL;
  r->answered = true;
  memcpy(to->base + r->place, from->base + r->pointer, r->length);
  uint64_t call[2] = {r->place, r->length};
  r->copied = bridge_direct_call_clock();
  r->error = to->call(to, r->handler, call);
  r->returned = bridge_direct_call_clock();
  to->refresh(to);
  r->result = call[0];
  stack[0] = r->error ? r->failed : 0;
  return true;
}

static bool host(guest *g, uint32_t index, uint64_t *stack, size_t slots) {
  g->refresh(g);
  if (g->answering && index == g->answering->index && answer(g->answering, g, stack))
    return true;
  return !rrbenchBridgeHost(g->instance, index, stack, slots);
}

// host_stack is what the host's part of a call takes of a thread's stack: functions of C and of Go's
// runtime, an engine's own, and what makes a trap.
enum { host_stack = 32 << 10 };

static bool stack_left(void) {
  static __thread uintptr_t low;
  if (!low) {
    pthread_attr_t attributes;
    void *address = NULL;
    size_t size = 0;
    // Go makes its threads by pthread_create(3). The main thread's stack is as large as it may become.
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
      pthread_attr_getstack(&attributes, &address, &size);
      pthread_attr_destroy(&attributes);
    }
    low = (uintptr_t)address + host_stack;
  }
  return (uintptr_t)__builtin_frame_address(0) > low;
}

// The kernel gives an mmap(2) the end of the highest gap that it fits in, so what lies there for the
// moment decides where it begins. Other threads' mappings may come between; then the memory begins elsewhere.
static pthread_mutex_t placing = PTHREAD_MUTEX_INITIALIZER;

static reserved reserve_beside(const guest *g, size_t length, size_t lead) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  reserved beside = {NULL, 0};
  pthread_mutex_lock(&placing);
  uint8_t *probe = mmap(NULL, length, PROT_NONE, flags, -1, 0);
  if (probe == MAP_FAILED)
    return beside;
  munmap(probe, length);
  size_t skip = ((uintptr_t)probe + lead - g->offset) & (g->modulus - 1);
  if (!skip)
    return beside;
  void *at = mmap(probe + length - skip, skip, PROT_NONE, flags | MAP_FIXED_NOREPLACE, -1, 0);
  if (at != MAP_FAILED)
    beside = (reserved){at, skip};
  return beside;
}

static void give_back(reserved beside) {
  if (beside.length)
    munmap(beside.at, beside.length);
  pthread_mutex_unlock(&placing);
}

static bool replace(const guest *g) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  // All that the memory may ever be, of which nothing has been written.
  return mmap(g->base, (size_t)4 << 30, PROT_NONE, flags, -1, 0) != MAP_FAILED &&
         (!g->size || !mprotect(g->base, g->size, PROT_READ | PROT_WRITE));
}

struct kept {
  struct kept *next;
  max_align_t memory[];
};

static void *keep(guest *g, size_t length) {
  struct kept *k = calloc(1, sizeof *k + length);
  if (!k)
    return NULL;
  k->next = g->kept;
  g->kept = k;
  return k->memory;
}

guest *bridge_guest_new(uintptr_t instance, size_t offset, size_t modulus) {
  guest *g = malloc(sizeof *g);
  if (g)
    *g = (guest){.instance = instance, .host = host, .stack_left = stack_left, .reserve_beside = reserve_beside,
                 .give_back = give_back, .replace = replace, .keep = keep, .offset = offset, .modulus = modulus};
  return g;
}

char *bridge_guest_call(uintptr_t handle, uintptr_t function, uint64_t *stack) {
  guest *g = (guest *)handle;
  char *error = g->call(g, (void *)function, stack);
  g->refresh(g);
  return error;
}

direct_call *bridge_direct_call_new(uintptr_t from, uint32_t index, uintptr_t function, uintptr_t to, uintptr_t handler) {
  direct_call *r = malloc(sizeof *r);
  if (r)
    *r = (direct_call){.from = (guest *)from, .to = (guest *)to, .function = (void *)function, .handler = (void *)handler,
                       .index = index};
  return r;
}

char *bridge_direct_call_run(uintptr_t handle, uint32_t pointer, uint32_t length, uint32_t place, uint32_t failed) {
  direct_call *r = (direct_call *)handle;
  guest *g = r->from;
  uint64_t stack[2] = {pointer, length};
  r->pointer = pointer;
  r->length = length;
  r->place = place;
  r->failed = failed;
  r->answered = false;
  r->error = NULL;
  g->answering = r;
  char *error = g->call(g, r->function, stack);
  g->answering = NULL;
  r->status = (uint32_t)stack[0];
  g->refresh(g);
  return error;
}

void *backend_compile(const backend *b, const uint8_t *wasm, size_t length, char **error) {
  return b->compile(wasm, length, error);
}
void backend_free_module(const backend *b, void *module) { b->free_module(module); }
uint8_t *backend_serialize(const backend *b, void *module, size_t *length) { return b->serialize(module, length); }
void *backend_deserialize(const backend *b, const uint8_t *code, size_t length) { return b->deserialize(code, length); }
void *backend_deserialize_file(const backend *b, const char *path) { return b->deserialize_file(path); }
char *backend_instantiate(const backend *b, guest *g, void *module, const import_t *imports, size_t count,
                          bool has_memory, uint32_t minimum, uint32_t maximum) {
  return b->instantiate(g, module, imports, count, has_memory, minimum, maximum);
}
void *backend_function(const backend *b, guest *g, text name, signature type) { return b->function(g, name, type); }
void backend_free_guest(const backend *b, guest *g) {
  b->free_guest(g);
  for (struct kept *k = g->kept, *next; k; k = next) {
    next = k->next;
    free(k);
  }
}
