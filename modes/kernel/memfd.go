package kernel

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"rrbench/memory"
	"rrbench/modes"
	"rrbench/transport/stream"
)

// buffer is a memory file for payloads.
type buffer struct {
	*memory.SealedFile
	// id is the ID of references to the buffer.
	id uint64
	// holders is the number of targets that hold the content.
	holders int
}

// memfd is the source of kernel/memfd. The region that the host prepares consists of a
// buffer's pages from before it is filled, so sending it is sending the descriptor.
//
// It keeps on consisting of these pages as long as no other function can see what is written to
// them: every target has left its mapping when it acknowledges, unless its guest keeps the
// payload. Then, before the source's guest runs on, the region becomes a private mapping of
// the same pages: it reads as before, and what is written to it is the source's alone. The
// buffer is used again when the last target has said that it holds on to it no longer.
type memfd struct {
	// region is what has been lent to, and [first, end) are its whole pages; nil for none.
	region     *modes.Region
	first, end int
	// buffer is what these pages are. If it is nil, they are a private mapping of underlay.
	buffer, underlay *buffer
	// spare is an unused buffer.
	spare *buffer
	// held are the buffers that targets hold, oldest first.
	held []*buffer
	// sent is the buffer under way.
	sent *buffer

	locator locator
	encoded []byte
}

// heldLimit bounds how many buffers are kept open for their targets to give back. A target
// that keeps more keeps the memory itself, but it will not be used again.
const heldLimit = 16

// BeforeFill makes the region's whole pages those of a buffer that no target uses. Where that
// is not possible the region stays as it is, and its payload is copied.
func (l *memfd) BeforeFill(region *modes.Region) {
	payload := region.Bytes()
	first, end := memory.Whole(payload)
	if end == first || l.region == region && l.buffer != nil || !region.MayMove() {
		return
	}
	if l.region != nil && l.region != region {
		return // only one region is prepared at a time
	}
	b := l.underlay
	if b == nil || b.holders > 0 {
		if b = l.take(payload[first:end]); b == nil {
			return
		}
	}
	if memory.Move(payload[first:end], b.Place) != nil {
		// The region reads as zeros now, and its content was to be overwritten.
		if l.region = nil; b != l.underlay {
			l.put(b)
		}
		l.uncover()
		return
	}
	l.region, l.first, l.end, l.buffer = region, first, end, b
	l.uncover()
}

// uncover ends the use of the buffer that was mapped privately.
func (l *memfd) uncover() {
	b := l.underlay
	l.underlay = nil
	if b == nil || b.holders > 0 || b == l.buffer {
		return
	}
	l.put(b)
}

// BeforeFree leaves fresh pages in a region.
func (l *memfd) BeforeFree(region *modes.Region) {
	if region != l.region {
		return
	}
	lent := region.Bytes()[l.first:l.end]
	b := l.buffer
	l.region, l.buffer = nil, nil
	reusable := b != nil && memory.Move(b.Place, lent) == nil
	if memory.Blank(lent) != nil {
		reusable = false
	}
	switch {
	case reusable:
		l.put(b)
	case b != nil:
		_ = b.Close()
	}
	l.uncover()
}

// take returns a buffer for the content of memory, which is whole pages, or nil.
func (l *memfd) take(area []byte) *buffer {
	if b := l.spare; b != nil {
		l.spare = nil
		if len(b.Place) == len(area) {
			return b
		}
		_ = b.Close()
	}
	file, err := memory.NewSealedFile(area)
	if err != nil {
		return nil // payloads are copied until there is one
	}
	return &buffer{SealedFile: file, id: lastID.Add(1)}
}

// put keeps a buffer for the next payload, instead of the one kept before.
func (l *memfd) put(b *buffer) {
	if l.spare != nil {
		_ = l.spare.Close()
	}
	l.spare = b
}

// Refer refers to the pages that were lent. A payload that is elsewhere, because its guest
// allocated it or because there was no buffer for it, is copied into one, once for all targets.
func (l *memfd) Refer(region *modes.Region, payload []byte) (reference stream.Reference, ok bool, err error) {
	first, end := memory.Whole(payload)
	if end == first {
		return stream.Reference{}, false, nil
	}
	b := l.buffer
	if b == nil || region != l.region {
		if b = l.take(payload[first:end]); b == nil {
			return stream.Reference{}, false, nil
		}
		memory.Copy(b.Place, payload[first:end])
	}
	l.sent = b
	l.locator = locator{method: mapping, oldest: l.oldest(), head: payload[:first], tail: payload[end:]}
	l.encoded = l.locator.encode(l.encoded[:0])
	return stream.Reference{ID: b.id, Descriptor: b.Descriptor(), Locator: l.encoded}, true, nil
}

// oldest is the smallest ID of a buffer that is still there.
func (l *memfd) oldest() uint64 {
	oldest := uint64(math.MaxUint64)
	for _, b := range [...]*buffer{l.buffer, l.underlay, l.spare, l.sent} {
		if b != nil {
			oldest = min(oldest, b.id)
		}
	}
	for _, b := range l.held {
		oldest = min(oldest, b.id)
	}
	return oldest
}

// Finish takes the buffer away from the source's guest when a target holds it.
func (l *memfd) Finish(region *modes.Region, payload []byte, held int) error {
	b := l.sent
	l.sent = nil
	lent := b == l.buffer
	if held == 0 {
		if !lent {
			l.put(b)
		}
		return nil
	}
	b.holders = held
	l.held = append(l.held, b)
	if lent {
		if err := memory.MapPrivate(region.Bytes()[l.first:l.end], b.Descriptor(), 0); err != nil {
			// The region has lost its content, and no function has got it.
			return fmt.Errorf("a target holds on to the payload and its pages could not be taken from the source: %w", err)
		}
		l.buffer, l.underlay = nil, b
	}
	if len(l.held) > heldLimit {
		l.forget(l.held[0])
	}
	return nil
}

// Released counts down the holders of buffers.
func (l *memfd) Released(ids []uint64) {
	for _, id := range ids {
		for i, b := range l.held {
			if b.id != id {
				continue
			}
			if b.holders--; b.holders == 0 {
				l.held = slices.Delete(l.held, i, i+1)
				if b != l.underlay {
					l.put(b)
				}
			}
			break
		}
	}
}

// forget gives up a buffer that targets hold.
func (l *memfd) forget(b *buffer) {
	l.held = slices.DeleteFunc(l.held, func(held *buffer) bool { return held == b })
	if b == l.underlay {
		l.underlay = nil
	}
	_ = b.Close()
}

// Close gives up all buffers.
func (l *memfd) Close() error {
	var errs []error
	for _, b := range append(l.held, l.buffer, l.spare) {
		if b != nil {
			errs = append(errs, b.Close())
		}
	}
	if b := l.underlay; b != nil && b.Descriptor() >= 0 {
		errs = append(errs, b.Close())
	}
	*l = memfd{}
	return errors.Join(errs...)
}
