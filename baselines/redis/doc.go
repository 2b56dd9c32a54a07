// Package redis hands payloads over through a Redis server, as functions do that do not know where
// the other one is, and as CWASI does between hosts. A Redis key is a reference (package stream): the
// payload's bytes are elsewhere. When a route opens, B's shim gets directions to the server and
// connects to it, before the first payload.
//
//   - redis: A's shim SETs the payload straight out of A's linear memory; B's shim GETs it
//     straight into B's. The value is set once, and deleted when every target has consumed it.
//   - redis/pubsub: A's shim PUBLISHes the payload, B's shim has SUBSCRIBEd and copies it
//     from the message into B's linear memory.
//   - limit/redis: redis with warm buffers in the place of functions.
//
// The functions are WebAssembly guests of the ABI that Roadrunner's modes use. With codec raw
// the value is the object's bytes, with the others what a Go guest (guest/function.go) serializes it to.
//
// The server is one of A's shim's own, a redis-server without persistence, behind a password, which ends
// when the shim does, or one that a user names. A user's server is neither started, stopped nor
// configured; only a key of our own is written there, which expires should its source be killed. What a
// server uses is counted as a participant's: a private one's process, else what INFO reports, with the
// work for others.
//
// What is tuned: connections are made beforehand and kept; go-redis writes all but the first
// 32 KiB of a payload from where it lies, and reads all but the first and last 32 KiB of a value
// straight to where it belongs; nothing is retried; the server's allocator keeps memory that it
// has freed (see mallocConf), which more than halves the time of 100 MiB. What remains: Redis
// reads a payload into a buffer that becomes the value, and copies the value into each reply.
package redis
