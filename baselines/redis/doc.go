// Package redis hands payloads over through a Redis server, as functions do that know
// nothing of one another's whereabouts, and as CWASI does between hosts.
//
// A payload in a server is one by reference: A's shim puts it there and tells B's, over the
// socket of Roadrunner's transports (package stream), which fetches it. A route begins with
// directions to the server, by which B's shim has connected before the first payload.
//
//   - redis: A's shim SETs the payload straight out of A's linear memory; B's shim GETs it
//     straight into B's. The value is deleted when every target has consumed it. With several
//     targets the value is set once.
//   - redis/pubsub: A's shim PUBLISHes the payload, B's shim has SUBSCRIBEd and copies it
//     from the message into B's linear memory.
//   - limit/redis: redis with warm buffers in the place of functions.
//
// The functions are WebAssembly guests of the ABI that Roadrunner's modes use. With codec raw
// the value is the object's bytes. With the others a Go guest (guest/function.go) serializes
// the object, so that what is SET lies in A's linear memory, and deserializes in B what was
// put into its linear memory.
//
// The server is one of A's shim's own, unless a user names another (see choose): a
// redis-server without persistence, behind a password, which ends when the shim does. It
// has a Unix socket in a directory of this user's alone, by which it is asked first: over TCP, it
// ends where another process has its port, and nothing is sent to that process. Where none is installed, miniredis takes its place in a process of its own,
// and the engine column says so. A user's server is neither started, stopped nor configured;
// only a key of our own is written there, which expires should its source be killed.
//
// The server's CPU time and memory are counted as a participant's: those of a private
// one's process, else what INFO tells. A server that does not tell is refused. On a server
// that others use too, their work is counted with ours.
//
// What is tuned: connections are made beforehand and kept; go-redis writes all but the first
// 32 KiB of a payload from where it lies, and reads all but the first and last 32 KiB of a value
// straight to where it belongs; nothing is retried; the server's allocator keeps memory that it
// has freed (see mallocConf), which more than halves the time of 100 MiB. What remains: Redis
// reads a payload into a buffer that becomes the value, and copies the value into each reply.
package redis
