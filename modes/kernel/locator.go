package kernel

import (
	"encoding/binary"
	"fmt"
	"math"

	"rrbench/memory"
	"rrbench/transport/stream"
)

// method is how a target gets at a payload that a reference leads to.
type method uint32

const (
	// mapping: the payload's whole pages are in the file that came along; the bytes before
	// and after these are in the locator.
	mapping method = 1 + iota
	// showing: the payload is at the beginning of the file that came along, which is as long as a
	// window. Later payloads there have references of the same ID without a locator. In the tail's
	// place are the IDs of all files that the source may use again.
	showing
	// reading: the payload is at an address in the source's process.
	reading
	methodEnd
)

// locator says where a payload is. All numbers are little-endian on the wire:
//
//	method u32, head u32, tail u32, zero u32, place u64, oldest u64, head, tail
type locator struct {
	method method
	// place is an offset in the file, or an address.
	place uint64
	// oldest is the smallest ID of a reference that the source may use again: what a target
	// remembers of those below it has no more use.
	oldest uint64
	// head and tail are the payload's bytes outside of its whole pages.
	head, tail []byte
	// open are the IDs that go with showing, at most openLimit.
	open []uint64
}

// openLimit bounds the files that a source and a target use together.
const openLimit = heldLimit + 4

const fixedSize = 32

// The rest of two pages always fits.
var _ = [1]struct{}{}[min(0, stream.LocatorLimit-fixedSize-2*(64<<10))]

func (d *locator) encode(into []byte) []byte {
	var fixed [fixedSize]byte
	little := binary.LittleEndian
	little.PutUint32(fixed[0:], uint32(d.method))
	little.PutUint32(fixed[4:], uint32(len(d.head)))
	little.PutUint32(fixed[8:], uint32(len(d.tail)+8*len(d.open)))
	little.PutUint64(fixed[16:], d.place)
	little.PutUint64(fixed[24:], d.oldest)
	into = append(append(append(into, fixed[:]...), d.head...), d.tail...)
	for _, id := range d.open {
		into = little.AppendUint64(into, id)
	}
	return into
}

// parseLocator checks the locator of a payload of n bytes by itself; that the file is
// what it says is for inspect. head and tail are parts of p.
func parseLocator(p []byte, n uint64) (locator, error) {
	if len(p) < fixedSize {
		return locator{}, fmt.Errorf("locator of %d bytes, not %d or more", len(p), fixedSize)
	}
	little := binary.LittleEndian
	d := locator{method: method(little.Uint32(p[0:])), place: little.Uint64(p[16:]), oldest: little.Uint64(p[24:])}
	head, tail := uint64(little.Uint32(p[4:])), uint64(little.Uint32(p[8:]))
	switch {
	case d.method == 0 || d.method >= methodEnd || little.Uint32(p[12:]) != 0:
		return locator{}, fmt.Errorf("locator by method %d, which is unknown", d.method)
	case fixedSize+head+tail != uint64(len(p)):
		return locator{}, fmt.Errorf("locator of %d bytes announces %d and %d", len(p), head, tail)
	case n == 0 || n > math.MaxUint32:
		return locator{}, fmt.Errorf("a payload of %d bytes does not fit into a 32-bit memory", n)
	case d.place > math.MaxInt64-n:
		return locator{}, fmt.Errorf("locator of %d bytes at %#x, beyond all places", n, d.place)
	}
	page := uint64(memory.Size)
	if d.method == mapping && (head >= page || tail >= page || head+tail >= n || (n-head-tail)%page != 0 || d.place%page != 0) {
		return locator{}, fmt.Errorf("locator of whole pages at %#x with %d of %d bytes before and %d after, which does not add up for pages of %d", d.place, head, n, tail, page)
	}
	if d.method == showing && head == 0 && tail%8 == 0 && tail <= 8*openLimit && d.place == 0 {
		for at := uint64(fixedSize); at < uint64(len(p)); at += 8 {
			d.open = append(d.open, little.Uint64(p[at:]))
		}
		return d, nil
	}
	if d.method != mapping && head+tail != 0 || d.method == showing {
		return locator{}, fmt.Errorf("locator by method %d with %d bytes, at %#x, which does not add up", d.method, head+tail, d.place)
	}
	d.head, d.tail = p[fixedSize:fixedSize+head], p[fixedSize+head:]
	return d, nil
}
