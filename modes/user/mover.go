package user

import (
	"sync/atomic"

	"rrbench/measure"
	"rrbench/memory"
	"rrbench/modes"
	"rrbench/transport"
)

// mover has the pages of a source's regions go to a target and come back.
//
// What moves is the blocks inside a region (package memory), which hold the payload and
// nothing else; the rest of it, at either end, is copied, so neither function ever has a byte
// of the other's memory beside the payload. Blocks that have moved away read as zeros. Where
// the target has written to them, that is not for the source to see. Those of the host's buffer
// wait in a stash, out of every linear memory, once the handler has returned, until room is made
// for the next payload; then they are zeroed, unless the host overwrites all of them with it.
// Memory that the guest allocated by itself gets them back at once, zeroed: it is the guest's to
// use as soon as it runs on. So in a steady state none of their pages is copied or faulted in.
type mover struct {
	stash memory.Stash
	// zeroes: the guest sees the host's buffer before it is overwritten.
	zeroes bool
	// prepared is the source's region whose pages are away or in the stash, or nil, and
	// [from, to) what has moved of it.
	prepared *modes.Region
	from, to int
	// plan is for the prepared region.
	plan plan
	counts
}

// plan is how a region shall be handed over, found out before it is sent. It holds
// for as long as payloads of that length lie there.
type plan struct {
	pointer, length uint32
	by              mechanism
	// moves: by is not copying.
	moves bool
}

// mechanism hands a region over to the only target of a route.
type mechanism interface {
	// fits says whether a region can go that way.
	fits(region *modes.Region) bool
	handOver(region *modes.Region, to *target, m *mover, delivery *transport.Delivery)
}

// copying fits all regions.
type copying struct{}

func (copying) fits(*modes.Region) bool { return true }

func (copying) handOver(region *modes.Region, to *target, _ *mover, delivery *transport.Delivery) {
	to.take(region.Bytes(), delivery)
}

// moving fits regions that have blocks, which may move.
type moving struct{}

func (moving) fits(region *modes.Region) bool {
	if region.Shared() {
		return false
	}
	from, to := memory.Blocks(region.Bytes())
	if to == from || !region.Function().Movable() || !memory.OneMapping(region.Bytes()[from:to]) {
		return false
	}
	// Memory of the guest's own is put in order before it runs on.
	return !region.Prepared() || region.MayMove()
}

func (moving) handOver(region *modes.Region, to *target, m *mover, delivery *transport.Delivery) {
	to.takePages(region, m, delivery)
}

// choose returns the mechanism for a region.
func (m *mode) choose(region *modes.Region) mechanism {
	if by := m.mechanisms.For(int(region.Len())); by.fits(region) {
		return by
	}
	return m.mechanisms.Below
}

func (m *mover) makePlan(mode *mode, region *modes.Region) {
	if m.plan.pointer != region.Pointer() || m.plan.length != region.Len() {
		by := mode.choose(region)
		m.plan = plan{region.Pointer(), region.Len(), by, by != mode.mechanisms.Below}
	}
}

// counts is how often pages moved, how often they should have and the payload was copied
// instead, and in how many fan-outs they were shared.
type counts struct{ moved, copied, shared atomic.Uint64 }

// fill makes the target's region the payload, which is as long. It returns what part of it
// has moved; nothing has where copying was the only way. The move is the transfer.
func (m *mover) fill(region *modes.Region, payload []byte, line *transport.Timeline) (from, to int) {
	into := region.Bytes()
	from, to = memory.Blocks(payload)
	// The target's guest may have had no memory for a region of this alignment.
	alike := memory.AlignmentOf(into) == memory.AlignmentOf(payload)
	if alike && region.MayMove() && memory.Move(into[from:to], payload[from:to]) == nil {
		line.Received = measure.Now()
		memory.Copy(into[:from], payload[:from])
		memory.Copy(into[to:], payload[to:])
		m.moved.Add(1)
		return from, to
	}
	memory.Copy(into, payload)
	m.copied.Add(1)
	return 0, 0
}

// retrieve takes pages out of the target's region when its handler is done with them, before
// the source's guest runs on.
func (m *mover) retrieve(source, region *modes.Region, from, to int) {
	if to == from {
		return
	}
	away, moved := source.Bytes()[from:to], region.Bytes()[from:to]
	switch {
	case source.Prepared():
		m.prepared, m.from, m.to = source, from, to
		if !region.Kept() {
			// Where that fails the target frees the pages later, at the next payload.
			_ = m.stash.Put(moved)
		}
		return
	case !region.Kept():
		clear(moved)
		if memory.Move(away, moved) == nil && memory.OneMapping(around(source, from, to)) {
			return
		}
	}
	// It reads as zeros already; this has the mapping be one with its neighbours again.
	_ = memory.Blank(away)
}

// around is a part of a region with a page more at either end, where the memory has one.
func around(region *modes.Region, from, to int) []byte {
	whole, at := region.Function().Memory(), int(region.Pointer())
	return whole[max(0, at+from-memory.Size):min(len(whole), at+to+memory.Size)]
}

// restore gives the host's buffer its pages back for a payload of size bytes. The buffer is
// released if it has another size.
func (m *mover) restore(size int64) {
	region := m.prepared
	if region == nil {
		return
	}
	m.prepared = nil
	if size == int64(region.Len()) && m.stash.Holds() == m.to-m.from {
		area := region.Bytes()[m.from:m.to]
		if m.stash.Take(area) == nil {
			if m.zeroes {
				clear(area)
			}
			return
		}
	}
	// Without them the region gets fresh pages as it is written to.
	_ = m.stash.Clear()
}
