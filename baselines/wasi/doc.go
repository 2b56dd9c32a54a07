// Package wasi hands payloads over as HTTP/1.1 requests between WebAssembly guests that do
// HTTP by themselves, over WASI's sockets: what Wasm functions do without Roadrunner.
//
// The guest http-go is the code of http/native, package net/http and JSON included,
// compiled for WebAssembly as it is; http-c is a small one in C for codec raw, which shows
// how much of the cost is the guest's language. What a guest has to offer is in package
// abi.
//
// A shim loads a guest, makes it a source or a target, starts its hand-offs, and serves its system calls
// (engines/wasip1): a read or write of a socket goes straight into or out of linear memory.
// Serialization, HTTP and every moment of the timeline but none of the payload's copies in
// the kernel lie inside the guests. The guest cannot see what its process uses: it asks
// the host and puts the answer into its reply, as a native function would.
//
// Compiling, or reading compiled code from disk, starting the guest and connecting lie
// outside a hand-off.
package wasi
