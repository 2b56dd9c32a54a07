package stream

import (
	"encoding/binary"
	"fmt"
)

const (
	headerMagic = 0x32465252 // "RRF2"
	headerSize  = 40
	// frameLimit is the longest payload that a frame can announce: what a 32-bit memory
	// can hold. A header that says more is malformed.
	frameLimit = 1 << 32
)

// flags say what follows the header.
type flags uint32

const (
	// byReference: not the payload, but a reference to it.
	byReference flags = 1 << iota
	// withDescriptor: a descriptor comes along with the reference.
	withDescriptor
	// preparation: neither, but what all references to come have in common.
	preparation
	// ring: neither, but the descriptor of the ring that is to carry all that follows.
	ring
	// beside: the payload comes through the socket although there is a ring.
	beside
)

// header announces a payload.
type header struct {
	flags            flags
	sequence, length uint64
	// id is the reference's and locator the size of what follows of it, both 0 for other frames.
	id      uint64
	locator int
}

func (h header) encode(p *[headerSize]byte) {
	binary.LittleEndian.PutUint32(p[0:], headerMagic)
	binary.LittleEndian.PutUint32(p[4:], uint32(h.flags))
	binary.LittleEndian.PutUint64(p[8:], h.sequence)
	binary.LittleEndian.PutUint64(p[16:], h.length)
	binary.LittleEndian.PutUint64(p[24:], h.id)
	binary.LittleEndian.PutUint64(p[32:], uint64(h.locator))
}

func parseHeader(p *[headerSize]byte) (header, error) {
	if magic := binary.LittleEndian.Uint32(p[0:]); magic != headerMagic {
		return header{}, fmt.Errorf("frame header starts with %#08x, not with %#08x", magic, headerMagic)
	}
	flags := flags(binary.LittleEndian.Uint32(p[4:]))
	limit := uint64(frameLimit)
	switch flags {
	case 0, beside, byReference, byReference | withDescriptor:
	case preparation:
		limit = LocatorLimit
	case ring | withDescriptor:
		limit = 1
	default:
		return header{}, fmt.Errorf("frame header has unknown flags %#x", uint32(flags))
	}
	h := header{
		flags: flags, sequence: binary.LittleEndian.Uint64(p[8:]), length: binary.LittleEndian.Uint64(p[16:]),
		id: binary.LittleEndian.Uint64(p[24:]),
	}
	if h.length == 0 || h.length > limit {
		return header{}, fmt.Errorf("frame header announces %d bytes, possible are 1 to %d", h.length, limit)
	}
	size, referred := binary.LittleEndian.Uint64(p[32:]), flags&byReference != 0
	if size > LocatorLimit || referred != (h.id != 0) || !referred && size != 0 {
		return header{}, fmt.Errorf("reference %d with a locator of %d bytes is malformed, possible are up to %d", h.id, size, LocatorLimit)
	}
	h.locator = int(size)
	return h, nil
}
