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
// and what becomes of the others.
type mode struct {
	name, summary string
	place         int
	limits        []string
	// crossover is the least payload that is not copied, in bytes. learns: each route finds out by itself
	// what is cheaper, and that is where it starts.
	crossover int64
	learns    bool
	// shares: the pages of other payloads are in a memory file, which the target shows. moves: where that
	// cannot be, or the target writes to them, they move.
	shares, moves bool
}

var _ transport.Transport = (*mode)(nil)

// copies says that all payloads are copied.
func (m *mode) copies() bool { return m.crossover == transport.Never && !m.learns }

// windowless says why the functions of a set-up are to have no windows; empty where they are.
func (m *mode) windowless(setup transport.Setup) string {
	least := m.crossover
	if m.learns {
		least = leastMoved
	}
	switch {
	case setup.Size < least:
		return "no payload is long enough to move"
	case setup.Size > int64(memory.Window):
		return fmt.Sprintf("a payload of %d bytes is longer than a window", setup.Size)
	case setup.Fanout > 1:
		return shared
	case setup.Origin == transport.OriginHeap:
		return "the payload is in memory of the function's own"
	case m.shares && !m.moves:
		if err := memory.CanMapWindows(); err != nil {
			return err.Error()
		}
	}
	return ""
}

// shared is why there are no windows in a fan-out.
const shared = "the targets of a fan-out share pages"

const remapName = "user/remap"

// DefaultCrossover is the payload size in bytes from which on a hand-off by user/memfd takes less time than copying,
// until the payload was read: on a virtual machine of two processors 0.96 and 0.99 times as long on wazero and
// wasmtime, and 1.2 and 1.3 times at half that size.
const DefaultCrossover = 32 << 10

// leastMoved is the least payload that is not copied unless a crossover says so, in bytes: a page.
const leastMoved = 4 << 10

// NewCopy is user/copy, the paper's user space mode: the shim copies the payload once,
// from A's linear memory into a region that it has B allocate.
func NewCopy() transport.Transport {
	return &mode{name: "user/copy", summary: "one shim, A's linear memory copied into B's, once", place: 1, limits: []string{"limit/memcpy"}, crossover: transport.Never}
}

// movingLimits are those of what moves pages.
var movingLimits = []string{"limit/memcpy", "limit/mremap", "limit/window"}

// NewRemap is user/remap: the payload's pages move from A's linear memory into B's with the window
// that they are in, or without one in whole aligned blocks of 2 MiB. What is left then at the ends
// is copied, and so are payloads without such a block.
func NewRemap() transport.Transport {
	return &mode{name: remapName, summary: "one shim, pages move from A's linear memory to B's, 1 GiB at once", place: 2, limits: movingLimits, crossover: leastMoved, moves: true}
}

// NewMemfd is user/memfd: A's window is a memory file (memfd_create(2)), of which B's window is a private
// mapping, for good, so that a hand-off maps and copies nothing. Functions without a window have whole pages in the
// file, as kernel/memfd has them.
func NewMemfd() transport.Transport {
	return &mode{name: "user/memfd", summary: "one shim, the payload in a memory file that both have mapped into A's and B's memories", place: 3, limits: movingLimits, crossover: leastMoved, shares: true}
}

const (
	adaptiveName    = "user"
	adaptiveSummary = "one shim, copies payloads, shows or moves their pages, whichever is cheaper"
)

// NewAdaptive is user with a fixed border: payloads of at least crossover bytes go as user/memfd has them, or as
// user/remap where B writes to them or has no window; smaller ones are copied.
func NewAdaptive(crossover int64) transport.Transport {
	return &mode{name: adaptiveName, summary: adaptiveSummary, place: 4, limits: movingLimits, crossover: crossover, shares: true, moves: true}
}

// NewLearning is user: each route learns which way is the cheaper one for payloads of a size, from
// what its hand-offs cost. It starts as if crossover were where the two cost the same.
func NewLearning(crossover int64) transport.Transport {
	m := *NewAdaptive(crossover).(*mode)
	m.learns = true
	return &m
}

func (m *mode) newLearner() *modes.Learner {
	return modes.NewLearner(modes.LearnerOptions{Crossover: m.crossover, Copies: 1, Least: leastMoved, Windows: true})
}

func (m *mode) Info() transport.Info {
	info := modes.Info(m.name, m.summary, transport.User, m.place, m.limits...)
	info.Hosting = transport.SharedProcess
	return info
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
	r := &route{mode: m, targets: found, lockOrder: slices.SortedFunc(slices.Values(found), func(a, b *target) int { return strings.Compare(a.address, b.address) })}
	if m.learns && len(found) == 1 {
		r.learner = m.newLearner()
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
	if !m.copies() && r.source.Movable() {
		r.source.PrepareInBlocks()
	}
	if windows := len(found) == 1 && r.source.Windowless() == nil; r.sharing(windows) {
		if r.local = kernel.NewLocalSource(r.source, windows); r.local != nil {
			for _, t := range found {
				r.receivers = append(r.receivers, t.local.ForSource())
			}
		}
	}
	if len(found) == 1 {
		r.direct = newDirectCall(r.source, found[0])
	}
	return r, nil
}

// sharing says that the targets can all show the source's pages. Without windows a payload of one target
// moves, if it may: its mappings stay as they are then.
func (r *route) sharing(windows bool) bool {
	for _, t := range r.targets {
		if t.local == nil {
			return false
		}
	}
	return !r.mode.copies() && r.source.Movable() && (len(r.targets) > 1 || r.mode.shares && (windows || !r.mode.moves))
}
