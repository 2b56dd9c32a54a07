// Package audit counts what one hand-off of a transport copies and calls: bytes copied in
// user space, bytes that cross the kernel, system calls, page faults, context switches, for
// each process that takes part. Nothing in a report is taken from knowledge of a transport.
//
// Transports are not aware of it. The functions live in shims as always; package audit has
// the kernel run small programs (counts.c, eBPF) where system calls end, tasks are switched
// and pages are allocated, and where the processes enter the functions that copy memory
// (uprobes). The programs add up in the kernel, so nothing is lost, and they go when this
// process ends, however it ends: there is nothing to clean up.
//
// Two functions, enter and leave in shim/run.go, mark what belongs to a hand-off; a shim's
// runner calls them before and after each step of a round: only what happens while a
// recorded round is being sent is counted as the hand-off, from t0 until the source knows
// that every target has consumed the payload. Preparing payloads lies outside. The target's
// handler reads the payload within; reading copies nothing, but the faults of its first
// touch count.
package audit
