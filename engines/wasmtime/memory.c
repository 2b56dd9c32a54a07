//go:build cgo && linux && !wasmer

#include "wasmtime.h"

#include <stdlib.h>
#include <sys/mman.h>

// Linear memories for Wasmtime at addresses of our choice: where windows lie at multiples of their
// length (package memory, LinearPlace), if the address space has room for that.

// Of wasmtime/config.h and wasmtime/error.h.
typedef struct {
  void *env;
  uint8_t *(*get_memory)(void *env, size_t *size, size_t *capacity);
  void *(*grow_memory)(void *env, size_t size);
  void (*finalizer)(void *env);
} wasmtime_linear_memory_t;
typedef struct {
  void *env;
  void *(*new_memory)(void *env, const void *type, size_t minimum, size_t maximum, size_t reserved,
                      size_t guard, wasmtime_linear_memory_t *memory);
  void (*finalizer)(void *env);
} wasmtime_memory_creator_t;
extern void wasmtime_config_host_memory_creator_set(void *config, wasmtime_memory_creator_t *creator);
extern void *wasmtime_error_new(const char *message);

// linear is a linear memory in the middle of one private anonymous mapping.
//
// Invariant: [mapped, mapped+length) is a mapping that this alone unmaps, when Wasmtime says that
// nothing uses it any more. [base, base+size) of it is accessible and the rest is not, as Wasmtime's
// compiled code relies on for its bounds: capacity bytes from base on and a guard behind them.
// Neither base nor capacity changes, and size never shrinks.
typedef struct {
  uint8_t *mapped, *base;
  size_t length, size, capacity;
} linear;

static uint8_t *get_memory(void *env, size_t *size, size_t *capacity) {
  const linear *m = env;
  *size = m->size;
  *capacity = m->capacity;
  return m->base;
}

static void *grow_memory(void *env, size_t size) {
  linear *m = env;
  if (size > m->capacity)
    return wasmtime_error_new("no more address space is reserved for the memory");
  if (size > m->size) {
    if (mprotect(m->base + m->size, size - m->size, PROT_READ | PROT_WRITE))
      return wasmtime_error_new("the system has no memory left (mprotect)");
    m->size = size;
  }
  return NULL;
}

static void free_memory(void *env) {
  linear *m = env;
  munmap(m->mapped, m->length);
  free(m);
}

// placement is where memories begin: all addresses that leave offset when divided by modulus.
typedef struct {
  size_t offset, modulus;
} placement;

// reserve makes m->mapped, and m->base in it behind a guard; false when there is no address space.
static bool reserve(linear *m, size_t guard, placement at) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  size_t more = at.modulus;
  uint8_t *mapped = mmap(NULL, m->length + more, PROT_NONE, flags, -1, 0);
  if (mapped == MAP_FAILED)
    return false;
  size_t skip = more ? (at.offset - (uintptr_t)(mapped + guard)) & (at.modulus - 1) : 0;
  m->mapped = mapped + skip;
  m->base = m->mapped + guard;
  // Where an end cannot be unmapped, some address space is lost.
  if (skip)
    munmap(mapped, skip);
  if (more > skip)
    munmap(m->mapped + m->length, more - skip);
  return true;
}

static void *new_memory(void *env, const void *type, size_t minimum, size_t maximum, size_t reserved,
                        size_t guard, wasmtime_linear_memory_t *memory) {
  linear *m = calloc(1, sizeof *m);
  if (!m)
    return wasmtime_error_new("the C library has no memory left");
  m->capacity = reserved > minimum ? reserved : minimum;
  m->length = guard + m->capacity + guard;
  if (!reserve(m, guard, *(placement *)env) && !reserve(m, guard, (placement){0, 0})) {
    free(m);
    return wasmtime_error_new("the system has no address space left for a memory: raise ulimit -v or vm.max_map_count");
  }
  void *error = grow_memory(m, minimum);
  if (error) {
    free_memory(m);
    return error;
  }
  *memory = (wasmtime_linear_memory_t){m, get_memory, grow_memory, free_memory};
  return NULL;
}

void place_memories(void *config, size_t offset, size_t modulus) {
  static placement at;
  at = (placement){offset, modulus};
  wasmtime_memory_creator_t creator = {&at, new_memory, NULL};
  wasmtime_config_host_memory_creator_set(config, &creator);
}
