package stream

import (
	"encoding/binary"
	"fmt"
)

const (
	headerMagic = 0x31465252 // "RRF1"
	headerSize  = 24
	// frameLimit is the longest payload that a frame can announce: what a 32-bit memory
	// can hold. A header that says more is rubbish.
	frameLimit = 1 << 32
)

// header announces a payload.
type header struct {
	sequence uint64
	length   uint64
}

func (h header) encode(p *[headerSize]byte) {
	binary.LittleEndian.PutUint32(p[0:], headerMagic)
	binary.LittleEndian.PutUint32(p[4:], 0)
	binary.LittleEndian.PutUint64(p[8:], h.sequence)
	binary.LittleEndian.PutUint64(p[16:], h.length)
}

func parseHeader(p *[headerSize]byte) (header, error) {
	if magic := binary.LittleEndian.Uint32(p[0:]); magic != headerMagic {
		return header{}, fmt.Errorf("frame header starts with %#08x, not with %#08x", magic, headerMagic)
	}
	if flags := binary.LittleEndian.Uint32(p[4:]); flags != 0 {
		return header{}, fmt.Errorf("frame header has unknown flags %#x", flags)
	}
	h := header{sequence: binary.LittleEndian.Uint64(p[8:]), length: binary.LittleEndian.Uint64(p[16:])}
	if h.length == 0 || h.length > frameLimit {
		return header{}, fmt.Errorf("frame header announces %d bytes, possible are 1 to %d", h.length, uint64(frameLimit))
	}
	return h, nil
}
