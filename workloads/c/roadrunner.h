// The Roadrunner guest ABI for C: what a function exports and what it may call.
// docs/guest-abi.md explains it.
#pragma once

#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define IMPORT(name) __attribute__((import_module("roadrunner"), import_name(#name)))

// Exports: every function has them.
EXPORT(allocate_memory) uint32_t allocate_memory(uint32_t length);
EXPORT(deallocate_memory) void deallocate_memory(uint32_t pointer, uint32_t length);
EXPORT(handle) uint64_t handle(uint32_t pointer, uint32_t length);
EXPORT(send) int32_t send(uint32_t pointer, uint32_t length);

// Exports that a function may have.
EXPORT(produce) uint32_t produce(uint32_t length, uint64_t seed);
EXPORT(handle_write) uint64_t handle_write(uint32_t pointer, uint32_t length);

// Imports: use what is needed. All but output_buffer return 0 or a negative status.
IMPORT(send_to_host) int32_t send_to_host(uint32_t pointer, uint32_t length);
IMPORT(locate_memory_region) int32_t locate_memory_region(uint32_t pointer, uint32_t length);
IMPORT(keep_memory_region) int32_t keep_memory_region(uint32_t pointer);
IMPORT(release_memory_region) int32_t release_memory_region(uint32_t pointer);
IMPORT(read_memory_host) int32_t read_memory_host(uint32_t pointer, uint32_t length);
IMPORT(output_buffer) uint32_t output_buffer(uint32_t length);
IMPORT(write_memory_host) int32_t write_memory_host(uint32_t pointer, uint32_t length);
