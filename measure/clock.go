//go:build !wasip1

package measure

import "time"

// epoch is the moment that Now counts from in this process, epochNs the reading of the
// machine's monotonic clock at that moment, and bound by how much that may be wrong. They
// are fixed before main runs.
var epoch, epochNs, bound = calibrate()

// Now reads CLOCK_MONOTONIC in nanoseconds: comparable between the processes of one host
// (each is off by Bound at most), never between hosts. It goes through the vDSO, without a
// system call, and allocates nothing.
//
// The clock is slewed but never stepped by time synchronisation; see clock_gettime(2).
func Now() int64 { return epochNs + int64(time.Since(epoch)) }

// Bound is by how many nanoseconds Now may differ from the machine's clock: half of what a
// system call takes here.
func Bound() int64 { return bound }
