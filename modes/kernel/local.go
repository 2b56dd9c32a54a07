package kernel

import (
	"rrbench/modes"
	"rrbench/modes/sockets"
	"rrbench/transport"
)

const (
	memfdName = "kernel/memfd"
	cmaName   = "kernel/cma"
	bestName  = "kernel"
)

// NewMemfd is kernel/memfd: the payload's whole pages live in a memory file
// (memfd_create(2)) that is mapped into A's linear memory before A fills it. The file's
// descriptor travels to B's shim (SCM_RIGHTS, unix(7)), which maps the same pages into B's,
// privately, in whole aligned blocks of 2 MiB. What is left, and payloads below 2 MiB, it
// reads from the file, which is one copy.
func NewMemfd() transport.Transport {
	return &sockets.Transport{
		Name:        memfdName,
		Summary:     "two shims, the payload in a memory file: B's shim maps whole 2 MiB of it and reads the rest",
		Family:      transport.Kernel,
		Place:       2,
		Limits:      []string{"limit/descriptor"},
		FansIn:      true,
		Probe:       probeMapping,
		NewReferrer: lending(func() mechanism { return &memfd{} }),
		NewResolver: newTarget,
	}
}

// NewCMA is kernel/cma: B's shim reads the payload from A's linear memory into B's with
// process_vm_readv(2), cross memory attach. That is one copy.
func NewCMA() transport.Transport {
	return &sockets.Transport{
		Name:    cmaName,
		Summary: "two shims, B's reads A's memory with process_vm_readv",
		Family:  transport.Kernel,
		Place:   3,
		Limits:  []string{"limit/cma"},
		FansIn:  true,
		Probe:   probeReading,
		NewReferrer: func(_ *modes.Function, processes []int) (sockets.Referrer, error) {
			return NewRemoteRead(processes)
		},
		NewResolver: newTarget,
	}
}

// DefaultCrossover is the payload size in bytes from which on a memory file takes less time
// than a socket does until B has read the payload. Two runs of rrbench tune on a virtual
// machine of two processors found, on wazero and wasmtime, 0.9 to 1.15 times the socket's time
// at 64 KiB, 0.90 to 0.93 here, 0.7 to 0.8 at 1 MiB and half or less from 2 MiB on.
const DefaultCrossover = 192 << 10

// NewAdaptive is kernel: payloads of at least crossover bytes go as kernel/memfd has them,
// smaller ones as kernel/stream.
func NewAdaptive(crossover int64) transport.Transport {
	return &sockets.Transport{
		Name:        bestName,
		Summary:     "two shims, a socket for small payloads and a memory file for large ones",
		Family:      transport.Kernel,
		Place:       4,
		Limits:      []string{"limit/unix", "limit/descriptor"},
		FansIn:      true,
		NewReferrer: lending(func() mechanism { return choose(crossover) }),
		NewResolver: newTarget,
	}
}

func newTarget(target *modes.Function) sockets.Resolver { return newResolver(target) }

// lending makes a mechanism for a source, which has the payloads lie where that has them.
func lending(make func() mechanism) func(*modes.Function, []int) (sockets.Referrer, error) {
	return func(source *modes.Function, _ []int) (sockets.Referrer, error) { return lend(source, make()), nil }
}

// lend has the payloads that a function prepares lie where a mechanism has them.
func lend(source *modes.Function, m mechanism) mechanism {
	source.SetLender(m)
	source.PrepareInBlocks()
	return m
}
