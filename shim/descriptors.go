package shim

import (
	"fmt"

	"golang.org/x/sys/unix"

	"rrbench/transport"
)

// What processes have open, at most and roughly.
const (
	// descriptorsAtLeast are a process' own, and those that it needs for a moment.
	descriptorsAtLeast = 48
	// descriptorsOfShim are the driver's for each shim.
	descriptorsOfShim = 4
	// descriptorsOfRoute are a source's for each target: a connection, and what is kept beside it.
	descriptorsOfRoute = 4
)

// OpenFiles is how many files a process may have open; 0 where that is not limited.
func OpenFiles() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur == unix.RLIM_INFINITY {
		return 0
	}
	return limit.Cur
}

// CheckDescriptors returns nil where a cell needs no more files open in a process than the limit,
// which is as of OpenFiles, else a *transport.Unavailable.
func CheckDescriptors(info transport.Info, fanout, concurrency int, limit uint64) error {
	need := descriptorsAtLeast + max(descriptorsOfShim*ShimsOf(info, fanout), descriptorsOfRoute*fanout*concurrency)
	if limit == 0 || limit >= uint64(need) {
		return nil
	}
	return &transport.Unavailable{
		Transport: info.Name,
		Reason:    fmt.Sprintf("a process needs up to %d open files, and the limit is %d", need, limit),
		Remedy:    fmt.Sprintf("ulimit -n %d", need),
	}
}
