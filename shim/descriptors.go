package shim

import (
	"fmt"

	"golang.org/x/sys/unix"

	"rrbench/transport"
)

// What processes have open, at most and roughly; a test compares.
const (
	// descriptorsAtLeast are a process' own, and those that it needs for a moment.
	descriptorsAtLeast = 48
	// descriptorsOfShim are the driver's for each shim.
	descriptorsOfShim = 4
	// descriptorsOfRoute are a source's for each target: a connection, and what is kept beside it.
	descriptorsOfRoute = 4
)

// CheckDescriptors returns nil where processes may have as many files open as a cell needs,
// else a *transport.Unavailable.
func CheckDescriptors(info transport.Info, fanout, concurrency int) error {
	need := descriptorsAtLeast + max(descriptorsOfShim*ShimsOf(info, fanout), descriptorsOfRoute*fanout*concurrency)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur >= uint64(need) {
		return nil
	}
	return &transport.Unavailable{
		Transport: info.Name,
		Reason:    fmt.Sprintf("a process needs up to %d open files, and the limit is %d", need, limit.Cur),
		Remedy:    fmt.Sprintf("ulimit -n %d", need),
	}
}
