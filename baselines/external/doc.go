// Package external hands payloads over to a function that another party runs, behind any URL:
// in a runtime, on a platform or a machine that this program does not know.
//
// A is the native function of http/native, with the same HTTP client. B learns the codec
// and the kind of payload in headers, takes the object from the request's body, reads every
// byte of it and answers with the length and the digest that it saw. docs/external.md has
// the whole of it, with an example.
//
// B's clock is not ours and its moments are unknown, so a hand-off is timed until A has the
// answer: latency and consumed are the same, and both include B's handler. What B's
// processes use is not seen; CPU and memory are A's alone.
package external
