package kernel

import (
	"rrbench/modes"
	"rrbench/modes/internal/relay"
	"rrbench/transport"
	"rrbench/transport/stream"
)

const (
	memfdName = "kernel/memfd"
	cmaName   = "kernel/cma"
	bestName  = "kernel"
)

// NewMemfd is kernel/memfd: the payload's whole pages live in a memory file
// (memfd_create(2)) that is mapped into A's linear memory before A fills it. The file's
// descriptor travels to B's shim (SCM_RIGHTS, unix(7)), which maps the same pages into B's,
// privately. No byte is copied but those that share a page with others.
func NewMemfd() transport.Transport {
	return &relay.Transport{
		Name:        memfdName,
		Summary:     "two shims, the payload's pages in a memory file that both map",
		Listen:      stream.ListenUnix,
		Probe:       probeMapping,
		NewReferrer: newLending(1),
		NewResolver: newTarget,
	}
}

// NewCMA is kernel/cma: B's shim reads the payload from A's linear memory into B's with
// process_vm_readv(2), cross memory attach. That is one copy.
func NewCMA() transport.Transport {
	return &relay.Transport{
		Name:        cmaName,
		Summary:     "two shims, B's reads A's memory with process_vm_readv",
		Listen:      stream.ListenUnix,
		Probe:       probeReading,
		NewReferrer: newPointing(1),
		NewResolver: newTarget,
	}
}

// New is kernel: the best of kernel/stream and kernel/memfd for the size of each payload.
func New(crossover Crossover) transport.Transport {
	return &relay.Transport{
		Name:        bestName,
		Summary:     "kernel/stream or kernel/memfd, whichever is faster at a payload's size",
		Listen:      stream.ListenUnix,
		NewReferrer: newLending(crossover.Mapping),
		NewResolver: newTarget,
	}
}

// Crossover says from which payload size on, in bytes, the family's mechanisms are faster.
type Crossover struct {
	// Mapping is where mapping a memory file overtakes writing to a socket.
	Mapping int
}

// DefaultCrossover was measured with both functions on one host of two processors.
func DefaultCrossover() Crossover { return Crossover{Mapping: 256 << 10} }

func newTarget(target *modes.Function) relay.Resolver { return newResolver(target) }
