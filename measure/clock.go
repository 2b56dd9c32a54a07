//go:build !wasip1

package measure

import _ "unsafe" // for go:linkname

// nanotime is the runtime's own reading of CLOCK_MONOTONIC, by the vDSO, which Go keeps for
// packages that name it like this. Package time has only differences of it, from an origin
// that differs from process to process: found by a system call it would be known to half a
// microsecond, as long as a hand-off through a ring takes.
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

// Now reads CLOCK_MONOTONIC in nanoseconds: comparable between the processes of one host,
// never between hosts. It makes no system call, and allocates nothing.
//
// The clock is slewed but never stepped by time synchronisation; see clock_gettime(2).
func Now() int64 { return nanotime() }
