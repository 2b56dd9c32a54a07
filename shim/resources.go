package shim

import (
	"fmt"
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/containerd/cgroups/v3/cgroup2"
	"golang.org/x/sys/unix"

	"rrbench/transport"
)

// Upper estimates of what processes need.
const (
	// descriptorsAtLeast are a process' own open files, and those that it needs for a moment.
	descriptorsAtLeast = 48
	// descriptorsOfShim are the driver's for each shim.
	descriptorsOfShim = 4
	// descriptorsOfRoute are a source's for each target: a connection, and what is kept beside it.
	descriptorsOfRoute = 4
	// threadsOfShim are those of the Go runtime; each hand-off under way blocks one at either end.
	threadsOfShim, threadsOfRoute = 10, 2
	// mappingsOfShim are those of the program; a function's memory, and pages that have moved, add some.
	mappingsOfShim, mappingsOfFunction = 400, 24
)

// Resources are the machine's limits of processes; 0 is no limit.
type Resources struct {
	// OpenFiles and Mappings are of one process.
	OpenFiles, Mappings uint64
	// Threads are of all processes, Ports of all connections.
	Threads, Ports uint64
}

// ReadResources asks the kernel.
func ReadResources() Resources {
	limit := func(resource int) uint64 {
		var limit unix.Rlimit
		if err := unix.Getrlimit(resource, &limit); err != nil || limit.Cur == unix.RLIM_INFINITY {
			return 0
		}
		return limit.Cur
	}
	r := Resources{OpenFiles: limit(unix.RLIMIT_NOFILE), Mappings: number("/proc/sys/vm/max_map_count"), Threads: number("/proc/sys/kernel/threads-max")}
	// Root's number of processes is not limited (setrlimit(2)).
	if os.Geteuid() != 0 {
		r.Threads = least(r.Threads, limit(unix.RLIMIT_NPROC))
	}
	group, _ := cgroup2.NestedGroupPath("") // of hosts with the unified hierarchy
	r.Threads = least(r.Threads, number(path.Join("/sys/fs/cgroup", group, "pids.max")))
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		var first, last uint64
		if n, _ := fmt.Sscan(string(text), &first, &last); n == 2 && last >= first {
			r.Ports = last - first + 1
		}
	}
	return r
}

// number reads a file of one number; 0 for anything else.
func number(path string) uint64 {
	text, _ := os.ReadFile(path)
	n, _ := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n
}

func least(a, b uint64) uint64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// Check returns nil where a cell stays within the limits, else a *transport.Unavailable with the
// arithmetic.
func (r Resources) Check(info transport.Info, fanout, concurrency int) error {
	shims, routes, functions := ShimsOf(info, fanout), fanout*concurrency, concurrency
	if info.Hosting == transport.SharedProcess {
		functions = concurrency * (1 + fanout)
	}
	connections := 0
	if info.Hosting == transport.SeparateProcesses && info.Family != transport.Kernel {
		connections = routes
	}
	for _, need := range []struct {
		limit, needed uint64
		what, sum     string
		remedy        string
	}{
		{r.OpenFiles, uint64(descriptorsAtLeast + max(descriptorsOfShim*shims, descriptorsOfRoute*routes)), "open files of a process",
			fmt.Sprintf("%d, and %d for each of %d shims or %d for each of %d routes", descriptorsAtLeast, descriptorsOfShim, shims, descriptorsOfRoute, routes), "ulimit -n %d"},
		{r.Threads, uint64(threadsOfShim*shims + threadsOfRoute*routes), "threads",
			fmt.Sprintf("%d for each of %d shims and %d for each of %d routes", threadsOfShim, shims, threadsOfRoute, routes), "ulimit -u %d, or a larger pids.max or kernel.threads-max"},
		{r.Mappings, uint64(mappingsOfShim + mappingsOfFunction*functions), "mappings of a process",
			fmt.Sprintf("%d, and %d for each of %d functions", mappingsOfShim, mappingsOfFunction, functions), "sysctl -w vm.max_map_count=%d"},
		{r.Ports, uint64(connections), "local ports", fmt.Sprintf("one for each of %d connections", connections), "sysctl -w net.ipv4.ip_local_port_range with %d ports"},
	} {
		if limit := least(need.limit, math.MaxUint64); need.needed > limit {
			return &transport.Unavailable{
				Transport: info.Name,
				Reason:    fmt.Sprintf("it needs up to %d %s (%s), and the limit is %d", need.needed, need.what, need.sum, limit),
				Remedy:    fmt.Sprintf(need.remedy, need.needed),
			}
		}
	}
	return nil
}
