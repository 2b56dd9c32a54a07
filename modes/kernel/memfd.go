package kernel

import (
	"errors"
	"fmt"
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
	// windowed: the file is as long as a window, and payloads lie at its beginning.
	windowed bool
	// stale is where the content ends; zeros follow, but for what the source's guest has written
	// there by itself.
	stale int
	// known: the targets have got the file with an earlier reference. tidy: there are zeros behind the
	// content.
	known, tidy bool
}

// room is for a payload of n bytes at the beginning of area, where a windowed buffer's pages are:
// they are there, and zeros follow.
func (b *buffer) room(area []byte, n int) error {
	if b.Swollen() {
		return errSwollen
	}
	if err := b.Populate(area[:memory.Enough(n)]); err != nil {
		return err
	}
	clear(area[n:max(memory.Enough(n), b.stale)])
	b.stale, b.tidy = n, true
	return nil
}

// roomToCopy is room for a payload that is only to be copied, which takes no system call as a rule; what follows
// it are not zeros.
func (b *buffer) roomToCopy(area []byte, n int) error {
	if n > b.Populated() {
		return b.room(area, n)
	}
	b.stale, b.tidy = max(b.stale, n), false
	return nil
}

// errSwollen: a guest has used more of a buffer than payloads take. What its source has written there
// is not for others.
var errSwollen = errors.New("the memory file contains more than payloads")

// memfd is the source of kernel/memfd. The region that the host prepares consists of a
// buffer's pages from before it is filled: the window that the region lies in, or without one its
// whole pages. So sending it is sending the descriptor, and where targets have got that, a number.
//
// It keeps on consisting of these pages as long as no other function can see what is written to
// them: every target's guest has done with them when it acknowledges, unless it keeps the payload.
// Then, before the source's guest runs on, the pages move out of its memory, which reads as zeros,
// and the next payload gets another buffer. A buffer is used again when the last target has said
// that it holds on to it no longer.
type memfd struct {
	// exact: no buffers are windowed.
	exact bool
	// region is what has been lent to, nil for none, and buffer what its pages are, nil where they
	// were taken away again.
	region *modes.Region
	buffer *buffer
	// spare is an unused buffer.
	spare *buffer
	// held are the buffers that targets hold, oldest first.
	held []*buffer
	// sent is the buffer under way.
	sent *buffer

	locator locator
	encoded []byte
	// open are the IDs of buffers that are still there.
	open []uint64
	// outdated: the targets may have files that are closed here.
	outdated bool
	// unknown is for references.
	unknown func()
}

// heldLimit bounds how many buffers are kept open for their targets to give back. A target
// that keeps more keeps the memory itself, but it will not be used again.
const heldLimit = 16

// lendable is the part of a region that consists of a buffer's pages where it was lent to.
func lendable(region *modes.Region) []byte {
	if window := region.Window(); window != nil {
		return window
	}
	payload := region.Bytes()
	first, end := memory.Whole(payload)
	return payload[first:end]
}

// BeforeFill makes the region's pages those of a buffer that no target uses. Where that
// is not possible the region stays as it is, and its payload is copied.
func (l *memfd) BeforeFill(region *modes.Region) { l.fill(region, (*buffer).room) }

// prepare is BeforeFill for a payload that is to be referred to, or else copied. Once payloads lie in a
// memory file they continue to: a payload that is copied may as well lie there.
func (l *memfd) prepare(region *modes.Region, refer bool) {
	if refer {
		l.BeforeFill(region)
	} else if l.buffer != nil {
		l.fill(region, (*buffer).roomToCopy)
	}
}

// fill is BeforeFill with what makes room in a windowed buffer.
func (l *memfd) fill(region *modes.Region, room func(*buffer, []byte, int) error) {
	if l.region != nil && l.region != region {
		return // only one region is prepared at a time
	}
	area, windowed := lendable(region), region.Window() != nil
	if l.buffer == nil {
		if len(area) == 0 || !region.MayMove() {
			return
		}
		b := l.take(area, windowed)
		if b == nil {
			return
		}
		if memory.Move(area, b.Place) != nil {
			// The region reads as zeros now, and its content was to be overwritten.
			l.region = nil
			l.put(b)
			return
		}
		l.region, l.buffer = region, b
	}
	if !windowed {
		return
	}
	if err := room(l.buffer, area, int(region.Len())); err != nil {
		b := l.buffer
		revoked := l.revoke()
		if l.discard(b); revoked == nil && err == errSwollen {
			l.fill(region, room) // with another one
		}
	}
}

// revoke takes the buffer out of the source's memory. After an error its guest must not run on if
// others have the buffer.
func (l *memfd) revoke() error {
	area, b := lendable(l.region), l.buffer
	l.buffer = nil
	if memory.Move(b.Place, area) != nil {
		// There are too many mappings for that. The file is only good for those that have it.
		l.forget(b)
	}
	return memory.Blank(area)
}

// BeforeFree leaves fresh pages in a region.
func (l *memfd) BeforeFree(region *modes.Region) {
	if region != l.region {
		return
	}
	_ = l.withdraw() // no other function sees what is written there from now on
	l.region = nil
}

// withdraw is revoke for a buffer that is not sent.
func (l *memfd) withdraw() error {
	b := l.buffer
	if b == nil {
		return nil
	}
	err := l.revoke()
	if err != nil {
		l.discard(b)
	} else if b.Descriptor() >= 0 {
		l.put(b)
	}
	return err
}

// take returns a windowed buffer, or one for the content of area, which is whole pages; or nil.
func (l *memfd) take(area []byte, windowed bool) *buffer {
	if b := l.spare; b != nil {
		l.spare = nil
		if b.windowed == windowed && (windowed || len(b.Place) == len(area)) {
			return b
		}
		l.discard(b)
	}
	var file *memory.SealedFile
	var err error
	if windowed {
		file, err = memory.NewSealedWindow()
	} else {
		file, err = memory.NewSealedFile(area)
	}
	if err != nil {
		return nil // payloads are copied until there is one
	}
	return &buffer{SealedFile: file, id: lastID.Add(1), windowed: windowed}
}

// put keeps a buffer for the next payload, instead of the one kept before.
func (l *memfd) put(b *buffer) {
	if l.spare != nil {
		l.discard(l.spare)
	}
	l.spare = b
}

// discard closes a buffer. Targets learn of it with the next one that is new to them.
func (l *memfd) discard(b *buffer) {
	_ = b.Close()
	l.outdated = l.outdated || b.known
}

// Refer refers to the pages that were lent. A payload that is elsewhere, because its guest
// allocated it or because there was no buffer for it, is copied into one, once for all targets.
func (l *memfd) Refer(region *modes.Region, payload []byte) (reference stream.Reference, ok bool, err error) {
	b := l.buffer
	if b == nil || region != l.region || b.windowed && !b.tidy {
		if b = l.copied(payload); b == nil {
			return stream.Reference{}, false, nil
		}
	}
	l.sent = b
	if l.unknown == nil {
		l.unknown = func() { l.sent.known = false }
	}
	reference = stream.Reference{ID: b.id, Descriptor: -1, Unknown: l.unknown}
	if b.known && !l.outdated {
		return reference, true, nil
	}
	l.open = l.open[:0]
	for _, there := range append([]*buffer{l.sent, l.buffer, l.spare}, l.held...) {
		if there != nil {
			l.open = append(l.open, there.id)
		}
	}
	l.locator = locator{oldest: slices.Min(l.open)}
	if b.windowed {
		b.known, l.outdated = true, false
		l.locator.method, l.locator.open = showing, l.open
	} else {
		first, end := memory.Whole(payload)
		l.locator.method, l.locator.head, l.locator.tail = mapping, payload[:first], payload[end:]
	}
	l.encoded = l.locator.encode(l.encoded[:0])
	reference.Descriptor, reference.Locator = b.Descriptor(), l.encoded
	return reference, true, nil
}

// copied returns a buffer with a payload, or nil.
func (l *memfd) copied(payload []byte) *buffer {
	first, end := memory.Whole(payload)
	if end == first {
		return nil
	}
	if !l.exact && len(payload) <= memory.Window {
		if b := l.take(nil, true); b != nil {
			if b.room(b.Place, len(payload)) == nil {
				memory.Copy(b.Place, payload)
				return b
			}
			l.discard(b)
		}
	}
	b := l.take(payload[first:end], false)
	if b != nil {
		memory.Copy(b.Place, payload[first:end])
	}
	return b
}

// Finish takes the buffer away from the source's guest when a target holds it.
func (l *memfd) Finish(_ *modes.Region, _ []byte, held int) error {
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
		if err := l.revoke(); err != nil {
			return fmt.Errorf("a target holds on to the payload and its pages could not be taken from the source: %w", err)
		}
	}
	switch {
	case b.windowed && b.Swollen():
		l.forget(b)
	case len(l.held) > heldLimit:
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
				l.put(b)
			}
			break
		}
	}
}

// forget gives up a buffer that targets hold, or that is of no more use.
func (l *memfd) forget(b *buffer) {
	l.held = slices.DeleteFunc(l.held, func(held *buffer) bool { return held == b })
	l.discard(b)
}

// Close gives up all buffers.
func (l *memfd) Close() error {
	var errs []error
	for _, b := range append(l.held, l.buffer, l.spare) {
		if b != nil {
			errs = append(errs, b.Close())
		}
	}
	*l = memfd{exact: l.exact}
	return errors.Join(errs...)
}
