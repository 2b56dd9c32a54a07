// Package kernel holds the transports between functions in two shims of one host: the
// payload goes through the kernel (kernel space mode in section 4 of the Roadrunner paper,
// arXiv 2511.01888).
package kernel

import (
	"fmt"

	"rrbench/memory"
	"rrbench/modes"
	"rrbench/modes/sockets"
	"rrbench/transport"
	"rrbench/transport/stream"
)

const (
	memfdName = "kernel/memfd"
	cmaName   = "kernel/cma"
	ringName  = "kernel/ring"
	bestName  = "kernel"
)

// NewStream is kernel/stream, the paper's kernel space mode: A's shim writes the region
// straight from A's linear memory to a Unix stream socket, B's shim reads it straight into
// B's. That is two copies, one into the kernel and one out of it.
func NewStream() transport.Transport {
	return &sockets.Transport{
		About: modes.Info("kernel/stream", "two shims, linear memory to linear memory over a Unix stream socket", transport.Kernel, 1, "limit/unix"),
	}
}

// NewMemfd is kernel/memfd: the payload lives in a memory file (memfd_create(2)) that is
// mapped into A's linear memory before A fills it. The file's descriptor travels to B's shim once
// (SCM_RIGHTS, unix(7)), which maps the file into B's, privately, and leaves it there. Both do so with
// a whole window (package memory). Functions without one have whole pages in the file, for payloads
// of one length, and B's shim maps whole aligned blocks of 2 MiB each time and reads the rest, which
// is one copy.
func NewMemfd() transport.Transport {
	return &sockets.Transport{
		About:       modes.Info(memfdName, "two shims, the payload in a memory file that both have mapped into A's and B's memories", transport.Kernel, 2, "limit/descriptor"),
		Probe:       probeMapping,
		NewReferrer: lending(func() mechanism { return &memfd{} }),
		NewResolver: newTarget,
		Windowless:  windowless(int64(memory.Size)),
		Pages:       Pages,
	}
}

// NewCMA is kernel/cma: B's shim reads the payload from A's linear memory into B's with
// process_vm_readv(2), cross memory attach. That is one copy.
func NewCMA() transport.Transport {
	return &sockets.Transport{
		About: modes.Info(cmaName, "two shims, B's reads A's memory with process_vm_readv", transport.Kernel, 3, "limit/cma"),
		Probe: probeReading,
		NewReferrer: func(_ *modes.Function, processes []int) (sockets.Referrer, error) {
			return NewRemoteRead(processes)
		},
		NewResolver: newTarget,
	}
}

// NewRing is kernel/ring: A's shim copies the payload into a ring in memory that it shares with B's,
// which copies it into B's linear memory. A receiver spins for some microseconds where payloads have
// lately come that soon, else it sleeps (futex(2)). It is what publish-subscribe systems in shared memory do,
// but that each side can harm itself alone (package memory).
func NewRing() transport.Transport {
	return &sockets.Transport{
		About: modes.Info(ringName, "two shims, linear memory to linear memory through a ring in shared memory", transport.Kernel, 5, "limit/ring", "limit/spin"),
		Probe: probeRing(ringName),
		Ring:  memory.Learning,
	}
}

// DefaultCrossover is the payload size in bytes from which on a memory file takes less time
// than a socket does until B has read the payload. Two runs of rrbench tune on a virtual
// machine of two processors found, on wazero and wasmtime, 0.9 to 1.15 times the socket's time
// at 64 KiB, 0.90 to 0.93 here, 0.7 to 0.8 at 1 MiB and half or less from 2 MiB on.
const DefaultCrossover = 192 << 10

// NewAdaptive is kernel with a fixed border: payloads of at least crossover bytes go as kernel/memfd has them,
// smaller ones as kernel/ring.
func NewAdaptive(crossover int64) transport.Transport {
	return adaptive(crossover, func() mechanism { return &choosing{crossover: crossover} })
}

// mechanism is how a source's payloads get to its targets.
type mechanism interface {
	sockets.Referrer
	modes.Lender
}

// choosing has payloads of at least crossover bytes lie in a memory file; others are sent as bytes.
type choosing struct {
	memfd
	crossover int64
}

func (c *choosing) BeforeFill(region *modes.Region) {
	c.prepare(region, int64(region.Len()) >= c.crossover)
}

func (c *choosing) Refer(region *modes.Region, payload []byte) (reference stream.Reference, ok bool, err error) {
	if int64(len(payload)) < c.crossover {
		return stream.Reference{}, false, nil
	}
	return c.memfd.Refer(region, payload)
}

// adaptive has payloads of at least from bytes lie in memory files where the mechanism says so. Frames go through
// a ring.
func adaptive(from int64, make func() mechanism) *sockets.Transport {
	return &sockets.Transport{
		About:       modes.Info(bestName, "two shims, a ring, a socket or a memory file, whichever is the cheapest", transport.Kernel, 4, "limit/ring", "limit/spin", "limit/unix", "limit/descriptor"),
		Ring:        memory.Learning,
		NewReferrer: lending(make),
		NewResolver: newTarget,
		Windowless:  windowless(from),
		Pages:       Pages,
		Probe:       probeRing(bestName),
	}
}

// windowless is for payloads of at least from bytes that lie in memory files.
func windowless(from int64) func(setup transport.Setup, source bool) string {
	return func(setup transport.Setup, source bool) string {
		switch {
		case setup.Size < from:
			return "no payload is long enough for a memory file"
		case setup.Size > int64(memory.Window):
			return fmt.Sprintf("a payload of %d bytes is longer than a window", setup.Size)
		case source && setup.Origin == transport.OriginHeap:
			return "the payload is in memory of the function's own"
		}
		if err := memory.CanMapWindows(); err != nil {
			return err.Error()
		}
		return ""
	}
}

// Pages is an endpoint's fact: how the pages of memory files get into a function's memory; windowless says why it
// has no window, or is nil.
func Pages(windowless error) string {
	if windowless == nil {
		return "of a memory file are mapped once, as a window"
	}
	return fmt.Sprintf("of a memory file are mapped for each payload in blocks of %d bytes, the rest is copied, because there is no window: %v", memory.Block, windowless)
}

func newTarget(target *modes.Function) sockets.Resolver { return newResolver(target) }

// lending makes a mechanism for a source, which has the payloads lie where that has them.
func lending(make func() mechanism) func(*modes.Function, []int) (sockets.Referrer, error) {
	return func(source *modes.Function, _ []int) (sockets.Referrer, error) {
		m := make()
		lend(source, m)
		return m, nil
	}
}

// lend has the payloads that a function prepares lie where a lender has them.
func lend(source *modes.Function, lender modes.Lender) {
	source.SetLender(lender)
	source.PrepareInBlocks()
}
