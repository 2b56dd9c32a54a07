#include "heap.h"

#define PAGE 65536u
#define ALIGNMENT 16u

// Block precedes every allocation; size counts the bytes after it.
typedef struct Block {
	uint32_t size;
	uint32_t state;
	uint32_t next; // free blocks only: the next free one, higher in memory, or 0
	uint32_t unused;
} Block;

#define HEADER ((uint32_t)sizeof(Block))
#define USED 0x55534544u
#define FREE 0x46524545u

_Static_assert(sizeof(Block) == ALIGNMENT, "allocations are aligned because headers are");

// The linker puts the heap behind data and stack.
extern uint8_t __heap_base;

static uint32_t first_free; // lowest free block, or 0
static uint64_t heap_start; // first header
static uint64_t heap_end;   // where the next block would be made; memory ends at or after it

static Block *at(uint32_t offset) { return (Block *)(uintptr_t)offset; }

// extend makes memory reach up to end, growing in one step. All arithmetic is in 64 bits:
// an end beyond 4 GiB must fail and not wrap.
static int extend(uint64_t end) {
	uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
	if (end <= have) return 1;
	uint64_t pages = (end - have + PAGE - 1) / PAGE;
	if (pages > 65536) return 0;
	return __builtin_wasm_memory_grow(0, (uintptr_t)pages) != (uintptr_t)-1;
}

// take marks a free block of sufficient size as used and gives what it has too much back
// to the list; link is the variable that points at the block.
static uint32_t take(uint32_t *link, uint32_t size) {
	uint32_t offset = *link;
	Block *block = at(offset);
	uint32_t left = block->size - size;
	if (left >= HEADER + ALIGNMENT) {
		uint32_t rest = offset + HEADER + size;
		at(rest)->size = left - HEADER;
		at(rest)->state = FREE;
		at(rest)->next = block->next;
		*link = rest;
		block->size = size;
	} else {
		*link = block->next;
	}
	block->state = USED;
	return offset + HEADER;
}

uint32_t heap_allocate(uint32_t length) {
	if (length == 0 || length > UINT32_MAX - 2 * ALIGNMENT) return 0;
	uint32_t size = (length + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	if (heap_start == 0) {
		heap_start = ((uint64_t)(uintptr_t)&__heap_base + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
		heap_end = heap_start;
	}
	uint32_t *link = &first_free;
	uint32_t *last = &first_free;
	while (*link) {
		if (at(*link)->size >= size) return take(link, size);
		last = link;
		link = &at(*link)->next;
	}
	// Nothing fits: lengthen the free block at the end of the heap, or make a new one.
	if (*last && (uint64_t)*last + HEADER + at(*last)->size == heap_end) {
		uint64_t end = (uint64_t)*last + HEADER + size;
		if (!extend(end)) return 0;
		heap_end = end;
		at(*last)->size = size;
		return take(last, size);
	}
	uint64_t end = heap_end + HEADER + size;
	if (!extend(end)) return 0;
	Block *block = at((uint32_t)heap_end);
	block->size = size;
	block->state = USED;
	uint32_t pointer = (uint32_t)heap_end + HEADER;
	heap_end = end;
	return pointer;
}

void heap_free(uint32_t pointer) {
	if (pointer % ALIGNMENT || pointer < heap_start + HEADER || pointer >= heap_end) return;
	uint32_t offset = pointer - HEADER;
	Block *block = at(offset);
	if (block->state != USED) return;
	block->state = FREE;

	uint32_t before = 0;
	uint32_t after = first_free;
	while (after && after < offset) {
		before = after;
		after = at(after)->next;
	}
	block->next = after;
	if (after && pointer + block->size == after) {
		block->size += HEADER + at(after)->size;
		block->next = at(after)->next;
		at(after)->state = 0;
	}
	if (!before) {
		first_free = offset;
	} else if (before + HEADER + at(before)->size == offset) {
		at(before)->size += HEADER + block->size;
		at(before)->next = block->next;
		block->state = 0;
	} else {
		at(before)->next = offset;
	}
}
