package payloads

import (
	"encoding/binary"
	"math/bits"
)

// The digest, as functions in any language compute it:
//
//	state    4 lanes of 64 bits, started with the fractional parts of the square roots of 2, 3, 5 and 7
//	pad      the payload is continued with zero bytes to a multiple of 32
//	step     32 bytes at a time are four little-endian 64-bit words; word i goes into lane i:
//	         lane = rotl(lane ^ word, 29) * 0x9E3779B97F4A7C15
//	finish   h = length in bytes (without padding)
//	         for each lane in order: h = rotl(h ^ lane, 29) * 0x9E3779B97F4A7C15
//	         h ^= h >> 32
//
// All arithmetic is modulo 2^64. A step is a bijection of a lane, so one changed word
// always changes the digest; a word in another place, a page of an earlier payload or a
// wrong length changes it but for a chance of 2^-64. It is a checksum against faults and
// no defence against a party that wants a collision. Vectors are in testdata/digest.txt.
const (
	digestRotate   = 29
	digestMultiply = 0x9E3779B97F4A7C15

	// digestStep is how many bytes one step takes.
	digestStep = 32
)

// Digest returns the digest of p, reading every byte once, 32 bytes a step.
func Digest(p []byte) uint64 {
	d := newDigester()
	d.add(p)
	return d.sum()
}

// digester is a digest under way. Only the last piece that is added may have a rest of fewer than 32 bytes.
type digester struct {
	lanes  [4]uint64
	length uint64
}

func newDigester() digester {
	return digester{lanes: [4]uint64{0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1}}
}

func (d *digester) add(p []byte) {
	d.length += uint64(len(p))
	if rest := d.steps(p); len(rest) > 0 {
		var padded [digestStep]byte
		copy(padded[:], rest)
		d.steps(padded[:])
	}
}

// steps takes every whole step of p and returns the bytes left over.
func (d *digester) steps(p []byte) []byte {
	a, b, c, e := d.lanes[0], d.lanes[1], d.lanes[2], d.lanes[3]
	for len(p) >= digestStep {
		// One check of the length; the four loads compile to plain moves.
		words := (*[digestStep]byte)(p)
		a = bits.RotateLeft64(a^binary.LittleEndian.Uint64(words[0:8]), digestRotate) * digestMultiply
		b = bits.RotateLeft64(b^binary.LittleEndian.Uint64(words[8:16]), digestRotate) * digestMultiply
		c = bits.RotateLeft64(c^binary.LittleEndian.Uint64(words[16:24]), digestRotate) * digestMultiply
		e = bits.RotateLeft64(e^binary.LittleEndian.Uint64(words[24:32]), digestRotate) * digestMultiply
		p = p[digestStep:]
	}
	d.lanes = [4]uint64{a, b, c, e}
	return p
}

func (d *digester) sum() uint64 {
	h := d.length
	for _, lane := range d.lanes {
		h = bits.RotateLeft64(h^lane, digestRotate) * digestMultiply
	}
	return h ^ h>>32
}
