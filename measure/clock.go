//go:build !wasip1

package measure

import "time"

// epoch is the moment that Now counts from in this process, and epochNs the reading of
// the machine's monotonic clock at that moment. Both are fixed before main runs.
var epoch, epochNs = calibrate()

// Now reads CLOCK_MONOTONIC in nanoseconds: comparable between the processes of one host
// (each knows its own epoch to a fraction of a microsecond), never between hosts. It goes
// through the vDSO, without a system call, and allocates nothing.
//
// The clock is slewed but never stepped by time synchronisation; see clock_gettime(2).
func Now() int64 { return epochNs + int64(time.Since(epoch)) }
