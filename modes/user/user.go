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
	// learns: each route finds out by itself what is cheaper, and mechanisms are where it starts.
	learns bool
}

var _ transport.Transport = (*mode)(nil)

// moveFrom has payloads of that many bytes or more move, and others copied.
func moveFrom(size int64) transport.BySize[mechanism] {
	return transport.BySize[mechanism]{Below: copying{}, From: moving{}, Crossover: size}
}

// moves says that there are payloads that move.
func (m *mode) moves() bool { return m.learns || m.mechanisms.Crossover != transport.Never }

// windowless says why the functions of a set-up are to have no windows; empty where they are.
func (m *mode) windowless(setup transport.Setup) string {
	least := m.mechanisms.Crossover
	if m.learns {
		least = leastMoved
	}
	switch {
	case !m.moves() || setup.Size < least:
		return "no payload is long enough to move"
	case setup.Size > int64(memory.Window):
		return fmt.Sprintf("a payload of %d bytes is longer than a window", setup.Size)
	case setup.Fanout > 1:
		return shared
	case setup.Origin == transport.OriginHeap:
		return "the payload is in memory of the function's own"
	}
	return ""
}

// shared is why there are no windows in a fan-out.
const shared = "the targets of a fan-out share pages"

const remapName = "user/remap"

// DefaultCrossover is the payload size in bytes from which on moving is cheaper than copying, there
// and back: where a quiet virtual machine of two processors had moved windows in the time of
// copying. With the other processor busy it was between that and five times as much.
const DefaultCrossover = 2 << 20

// leastMoved is the least payload that moves unless a crossover says so, in bytes: a page.
const leastMoved = 4 << 10

// NewCopy is user/copy, the paper's user space mode: the shim copies the payload once,
// from A's linear memory into a region that it has B allocate.
func NewCopy() transport.Transport {
	return &mode{name: "user/copy", summary: "one shim, A's linear memory copied into B's, once", place: 1, limits: []string{"limit/memcpy"}, mechanisms: moveFrom(transport.Never)}
}

// movingLimits are those of what moves pages.
var movingLimits = []string{"limit/memcpy", "limit/mremap", "limit/window"}

// NewRemap is user/remap: the payload's pages move from A's linear memory into B's with the window
// that they are in, or without one in whole aligned blocks of 2 MiB. What is left then at the ends
// is copied, and so are payloads without such a block.
func NewRemap() transport.Transport {
	return &mode{name: remapName, summary: "one shim, pages move from A's linear memory to B's, 1 GiB at once", place: 2, limits: movingLimits, mechanisms: moveFrom(leastMoved)}
}

const (
	adaptiveName    = "user"
	adaptiveSummary = "one shim, copies payloads or moves their pages, whichever is cheaper"
)

// NewAdaptive is user with a fixed border: payloads of at least crossover bytes move as user/remap
// has them, smaller ones are copied.
func NewAdaptive(crossover int64) transport.Transport {
	return &mode{name: adaptiveName, summary: adaptiveSummary, place: 3, limits: movingLimits, mechanisms: moveFrom(crossover)}
}

// NewLearning is user: each route learns which way is the cheaper one for payloads of a size, from
// what its hand-offs cost. It starts as if crossover were where the two cost the same.
func NewLearning(crossover int64) transport.Transport {
	return &mode{name: adaptiveName, summary: adaptiveSummary, place: 3, limits: movingLimits, mechanisms: moveFrom(crossover), learns: true}
}

func (m *mode) Info() transport.Info {
	return transport.Info{
		Name:            m.name,
		Summary:         m.summary,
		Family:          transport.User,
		Place:           m.place,
		Limits:          m.limits,
		Hosting:         transport.SharedProcess,
		FansIn:          true,
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
	if err := transport.CheckPlain(m.name, setup.Codec); err != nil {
		return nil, err
	}
	function, err := modes.LoadWithWindow(ctx, setup, nil, m.windowless(setup))
	if err != nil {
		return nil, fmt.Errorf("%s: target: %w", m.name, err)
	}
	return newTarget(m, function), nil
}

// Open makes a fresh source and a route to targets that were served in this process. The
// deadline of the set-up cannot be kept: a guest that runs in the same process cannot be
// interrupted, so the caller must bound the wait for the route.
func (m *mode) Open(ctx context.Context, setup transport.Setup, endpoints []transport.Endpoint) (transport.Route, error) {
	if err := transport.CheckPlain(m.name, setup.Codec); err != nil {
		return nil, err
	}
	found, err := targets.Find(m.name, endpoints)
	if err != nil {
		return nil, err
	}
	r := &route{mode: m, targets: found}
	if m.learns && len(found) == 1 {
		r.learner = modes.NewLearner(modes.LearnerOptions{Crossover: m.mechanisms.Crossover, Copies: 1, Least: leastMoved, Windows: true})
	}
	windowless := cmp.Or(m.windowless(setup), found[0].windowless)
	if len(found) > 1 {
		windowless = shared
	}
	r.source, err = modes.LoadWithWindow(ctx, setup, r.carry, windowless)
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
		// Of a memory file targets map blocks.
		r.local = kernel.NewLocalSource(r.source, max(m.mechanisms.Crossover, int64(memory.Block)))
	}
	return r, nil
}

// sharing says that the targets of a fan-out can all show the source's pages.
func (r *route) sharing() bool {
	for _, t := range r.targets {
		if t.local == nil {
			return false
		}
	}
	return r.mode.moves() && r.source.Movable()
}
