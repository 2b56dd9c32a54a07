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
// What moves is the window that a region lies in (package memory), or without one the blocks inside
// the region, which hold the payload and nothing else; the rest of it, at either end, is copied.
// So neither function ever has a byte of the other's memory beside the payload: a window contains
// the payload, zeros, and what its guest has written there although the host had lent it. What has
// moved away reads as zeros. What the target has written is not for the source to see. The pages of
// the host's buffer are in the target's memory until room is made for the next payload; back in
// the source's they are zeroed, unless the host overwrites all of them with it. Memory that the
// guest allocated by itself gets them back at once, zeroed: it is the guest's to use as soon as
// it runs on. So in a steady state none of their pages is copied or faulted in.
type mover struct {
	// zeroes: the guest sees the host's buffer before it is overwritten.
	zeroes bool
	// lent is the hand-off whose pages are to come back, the zero lent when there is none.
	lent lent
	// window is what is known of the source's window.
	window window
	// plan is for the prepared region.
	plan plan
	counts
}

// lent is a part of a region whose pages are in a target's region: [first, end), or the whole
// windows that both lie in.
type lent struct {
	source, region *modes.Region
	first, end     int
	target         *target
}

// at is that part of either region.
func (l *lent) at(region *modes.Region) []byte {
	if window := region.Window(); window != nil {
		return window
	}
	return region.Bytes()[l.first:l.end]
}

// way is how a payload gets to the only target of a route.
type way uint8

const (
	copying way = iota
	// moving takes the pages from the source and has them come back.
	moving
	// sharing has the target's window show a memory file that the source's consists of, or without
	// windows whole pages.
	sharing
)

// plan is how a region shall be handed over, found out before it is sent. movable holds
// for as long as payloads of that length lie there.
type plan struct {
	pointer, length uint32
	by              way
	movable         bool
}

// movable says whether the pages of a region can move: of those in windows, and of those that have
// blocks which may.
func movable(region *modes.Region) bool {
	if region.Shared() {
		return false
	}
	if region.Window() != nil {
		return true
	}
	from, to := memory.Blocks(region.Bytes())
	if to == from || !region.Function().Movable() || !memory.OneMapping(region.Bytes()[from:to]) {
		return false
	}
	// Memory of the guest's own is put in order before it runs on.
	return !region.Prepared() || region.MayMove()
}

// movable says whether the pages of a region can move.
func (m *mover) movable(region *modes.Region) bool {
	if m.plan.pointer != region.Pointer() || m.plan.length != region.Len() {
		m.plan = plan{pointer: region.Pointer(), length: region.Len(), movable: movable(region)}
	}
	return m.plan.movable
}

// counts is how often pages moved, how often they should have and the payload was copied
// instead, and in how many hand-offs they were shared.
type counts struct{ moved, copied, shared atomic.Uint64 }

// fill makes the target's region the payload, which is as long. It returns what part of it
// has moved; nothing has where copying was the only way. The move is the transfer.
func (m *mover) fill(region, source *modes.Region, line *transport.Timeline) (first, end int) {
	into, payload := region.Bytes(), source.Bytes()
	if region.Window() != nil && source.Window() != nil {
		if memory.Move(region.Window(), source.Window()) == nil {
			line.Received = measure.Now()
			m.moved.Add(1)
			return 0, len(payload)
		}
	} else if source.Window() == nil && region.Window() == nil {
		first, end = memory.Blocks(payload)
		// The target's guest may have had no memory for a region of this alignment.
		alike := memory.AlignmentOf(into) == memory.AlignmentOf(payload)
		if alike && end > first && region.MayMove() && memory.Move(into[first:end], payload[first:end]) == nil {
			line.Received = measure.Now()
			memory.Copy(into[:first], payload[:first])
			memory.Copy(into[end:], payload[end:])
			m.moved.Add(1)
			return first, end
		}
	}
	memory.Copy(into, payload)
	m.copied.Add(1)
	return 0, 0
}

// retrieve takes pages out of the target's region when its handler is done with them, before the
// source's guest runs on, or notes that they are to come back later. It returns whether the
// target's region can be released.
func (m *mover) retrieve(l lent) (released bool) {
	if l.end == l.first {
		return true
	}
	source := l.at(l.source)
	switch {
	case l.region.Kept():
		if l.source.Window() != nil {
			m.window.stays(l.source)
		} else if !l.source.Prepared() {
			// It reads as zeros already; this has the mapping be one with its neighbours again.
			_ = memory.Blank(source)
		}
		return true
	case l.source.Prepared():
		m.lent = l
		return false
	}
	l.wipe()
	if memory.Move(source, l.at(l.region)) != nil || l.source.Window() == nil && !memory.OneMapping(around(l.source, l.first, l.end)) {
		_ = memory.Blank(source)
	}
	return true
}

// wipe clears what the target has written.
func (l *lent) wipe() {
	clear(l.region.Bytes()[l.first:l.end])
	if window := l.region.Window(); window != nil {
		empty(window[memory.Enough(l.end):])
	}
}

// empty makes whole pages read as zeros, without any pages if possible.
func empty(area []byte) {
	if memory.Drop(area) != nil {
		clear(area)
	}
}

// around is a part of a region with a page more at either end, where the memory has one.
func around(region *modes.Region, from, to int) []byte {
	whole, at := region.Function().Memory(), int(region.Pointer())
	return whole[max(0, at+from-memory.Size):min(len(whole), at+to+memory.Size)]
}

// restore gives the host's buffer its pages back for a payload of size bytes. They are dropped
// where there will be none, size 0, or the buffer will have another size and is not in a window.
// It returns when the pages were back, 0 where none have come.
func (m *mover) restore(size int64) (back int64) {
	l := m.lent
	if l.target == nil {
		return 0
	}
	m.lent = lent{}
	l.target.lock.Lock()
	defer l.target.lock.Unlock()
	windowed := l.source.Window() != nil
	if windowed {
		m.window.stays(l.source)
	}
	switch {
	case l.target.function == nil:
		// They are gone with its memory.
		return 0
	case size < 1, windowed && size > int64(memory.Window), !windowed && size != int64(l.source.Len()),
		memory.Move(l.at(l.source), l.at(l.region)) != nil:
		empty(l.at(l.region))
	default:
		back = measure.Now()
		if windowed {
			m.window.clean(l.at(l.source), int(size), m.zeroes)
		} else if m.zeroes {
			clear(l.at(l.source))
		}
	}
	// It is released all the same if the guest fails with its allocator.
	_ = l.target.function.Release(l.region)
	return back
}

// window is what is known of the source's window: after the first warm bytes it has no pages, and
// after stale bytes zeros, but for what the source's guest has written there by itself.
type window struct {
	warm, stale int
	// foreign: a target has written to what the host is to overwrite.
	foreign bool
	// unused counts payloads in a row that were much smaller than what is warm.
	unused int
}

// stays is for a window whose pages are away and may never come back: its guest may have written to
// where the payload was.
func (w *window) stays(source *modes.Region) {
	w.warm, w.stale = max(w.warm, memory.Enough(int(source.Len()))), int(source.Len())
}

// clean is for a window that has come back. Nothing that the target has written is left of it
// but what the host overwrites, for a payload of size bytes, before the guest runs.
func (w *window) clean(area []byte, size int, zeroes bool) {
	empty(area[w.warm:])
	kept := min(size, w.warm)
	if zeroes {
		kept = 0
	}
	clear(area[kept:w.warm])
	w.stale, w.foreign = kept, kept > 0
}

// keepUnused is for how many payloads that need much less of a window its pages are kept: a page
// costs a hundred times as much to fault in as to zero.
const keepUnused = 16

// tidy prepares the window for a payload of size bytes. What lies beside it is zeros if it moves.
func (w *window) tidy(area []byte, size int, moves bool) {
	need := memory.Enough(size)
	if w.unused++; need > w.warm/2 {
		w.unused = 0
	}
	if w.unused == keepUnused {
		empty(area[need:w.warm])
		w.warm, w.stale, w.unused = need, min(w.stale, need), 0
	}
	if (w.foreign || moves) && size < w.stale {
		clear(area[size:w.stale])
		w.stale = size
	}
	w.warm, w.stale = max(w.warm, need), max(w.stale, size)
}
