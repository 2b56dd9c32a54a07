// Package user holds the transports between functions of one shim: the payload goes from
// one linear memory to the other without leaving the process (user space mode in section
// 4 of the Roadrunner paper, arXiv 2511.01888).
package user

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"rrbench/memory"
	"rrbench/modes"
	"rrbench/modes/kernel"
	"rrbench/transport"
)

// mode is a transport of this package. They differ in nothing but which payloads are copied
// and which have their pages moved.
type mode struct {
	name, summary string
	place         int
	limits        []string
	mechanisms    transport.BySize[mechanism]
}

var _ transport.Transport = (*mode)(nil)

// moveFrom has payloads of that many bytes or more move, and others copied.
func moveFrom(size int64) transport.BySize[mechanism] {
	return transport.BySize[mechanism]{Below: copying{}, From: moving{}, Crossover: size}
}

// moves says that there are payloads that move.
func (m *mode) moves() bool { return m.mechanisms.Crossover != transport.Never }

const remapName = "user/remap"

// DefaultCrossover is the payload size in bytes from which on moving takes less time than
// copying does until B has read the payload: from the first block on. Two runs of rrbench tune
// on a virtual machine of two processors found, on wazero and wasmtime, 0.6 to 0.8 times the
// time of copying here and at 3 MiB, 0.6 at 4 MiB and half at 8 MiB. Where the hypervisor
// shadows page tables, moving there and back broke even below 2 MiB as long as the other
// processor was idle.
const DefaultCrossover = 2 << 20

// NewCopy is user/copy, the paper's user space mode: the shim copies the payload once,
// from A's linear memory into a region that it has B allocate.
func NewCopy() transport.Transport {
	return &mode{"user/copy", "one shim, A's linear memory copied into B's, once", 1, []string{"limit/memcpy"}, moveFrom(transport.Never)}
}

// NewRemap is user/remap: the payload's pages move from A's linear memory into B's, in whole
// aligned blocks of 2 MiB. What is left at the ends is copied, and so are payloads without
// such a block, as all below 2 MiB are.
func NewRemap() transport.Transport {
	return &mode{
		remapName, "one shim, whole 2 MiB of pages move from A's linear memory to B's, the rest is copied", 2,
		[]string{"limit/memcpy", "limit/mremap"}, moveFrom(int64(memory.Block)),
	}
}

// NewAdaptive is user: payloads of at least crossover bytes move as user/remap has them,
// smaller ones are copied.
func NewAdaptive(crossover int64) transport.Transport {
	return &mode{
		"user", "one shim, copies small payloads and moves the pages of large ones", 3,
		[]string{"limit/memcpy", "limit/mremap"}, moveFrom(max(crossover, int64(memory.Block))),
	}
}

func (m *mode) Info() transport.Info {
	return transport.Info{
		Name:            m.name,
		Summary:         m.summary,
		Family:          transport.User,
		Place:           m.place,
		Limits:          m.limits,
		Hosting:         transport.SharedProcess,
		Runs:            transport.Wasm,
		Codecs:          []transport.Codec{transport.None},
		Origins:         transport.Origins(),
		CopiesPerTarget: 1,
		CopiesAtSource:  1,
	}
}

// Check implements transport.Transport: where an engine runs, so does this.
func (m *mode) Check() error { return nil }

// Serve makes a fresh function of this process reachable.
func (m *mode) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	if err := m.checkCodec(setup); err != nil {
		return nil, err
	}
	function, err := modes.Load(ctx, setup, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: target: %w", m.name, err)
	}
	return targets.add(m, function), nil
}

// Open makes a fresh source and a route to targets that were served in this process. The
// deadline of the set-up cannot be kept: a guest that runs in the same process cannot be
// interrupted, so the caller must bound the wait for the route.
func (m *mode) Open(ctx context.Context, setup transport.Setup, endpoints []transport.Endpoint) (transport.Route, error) {
	if err := m.checkCodec(setup); err != nil {
		return nil, err
	}
	found, err := targets.find(m, endpoints)
	if err != nil {
		return nil, err
	}
	r := &route{mode: m, targets: found}
	r.source, err = modes.Load(ctx, setup, r.carry)
	if err != nil {
		return nil, fmt.Errorf("%s: source: %w", m.name, err)
	}
	r.pool, r.serial, r.serveOne = setup.Pool(len(found)), setup.Serial, r.serve
	r.mover.zeroes = cmp.Or(setup.Origin, transport.OriginHost) != transport.OriginHost
	if m.moves() && r.source.Movable() {
		r.source.PrepareInBlocks()
	}
	if len(found) == 1 {
		r.direct = newDirectCall(r.source, found[0])
		return r, nil
	}
	r.lockOrder = slices.SortedFunc(slices.Values(found), func(a, b *target) int { return strings.Compare(a.address, b.address) })
	if r.sharing() {
		r.lender = kernel.NewLender(r.source, m.mechanisms.Crossover)
	}
	return r, nil
}

// sharing says that the targets of a fan-out can all show the source's pages.
func (r *route) sharing() bool {
	for _, t := range r.targets {
		if t.borrower == nil {
			return false
		}
	}
	return r.mode.moves() && r.source.Movable()
}

func (m *mode) checkCodec(setup transport.Setup) error {
	if setup.Codec == transport.None || setup.Codec == "" {
		return nil
	}
	return fmt.Errorf("%s does not serialize: codec %q is not possible, use %q", m.name, setup.Codec, transport.None)
}
