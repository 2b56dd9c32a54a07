package payloads

import (
	"encoding/binary"
	"fmt"
)

// textBlock is how far apart the marks in a text lie: a page, so that a page that is
// missing, stale or in the wrong place always shows.
const textBlock = 4096

// textMark is how many bytes at the start of every block depend on seed and position.
const textMark = 16

// phrase is what a text repeats. Nothing in it needs escaping in JSON, not even by
// encoders that escape for HTML.
const phrase = "The roadrunner carries the words from one function to another and drops none. "

// textTemplate is a block whose mark is still to be written.
var textTemplate = func() (block [textBlock]byte) {
	for at := textMark; at < len(block); {
		at += copy(block[at:], phrase)
	}
	return block
}()

// Fill writes the payload of a kind and seed into dst as it lies in a function's memory:
// text as printable ASCII, records as little-endian 64-byte Records (the last one cut off
// where dst ends), bytes as pseudo-random 64-bit words. The payload's size is len(dst).
// A longer payload of the same seed starts with the shorter one. Fill runs at about the
// speed of memory, reads nothing and keeps nothing. An unknown kind panics.
func Fill(dst []byte, kind Kind, seed uint64) { fill(dst, kind, seed, 0) }

// fill makes the part of a payload that begins at offset, a multiple of textBlock.
func fill(dst []byte, kind Kind, seed, offset uint64) {
	switch kind {
	case Text:
		fillText(dst, seed, offset/textBlock)
	case Records:
		fillRecords(dst, seed, offset/RecordSize)
	case Bytes:
		fillBytes(dst, seed, offset/8)
	default:
		panic(fmt.Sprintf("payloads: unknown kind %q", kind))
	}
}

// Rewrite changes every page of a payload, as a handler does that works on what it got in place.
func Rewrite(payload []byte) {
	for i := 0; i < len(payload); i += textBlock {
		payload[i]++
	}
}

func fillText(dst []byte, seed, block uint64) {
	const digits = "0123456789abcdef"
	for ; len(dst) > 0; block++ {
		n := copy(dst, textTemplate[:])
		var mark [textMark]byte
		value := Mix(seed, block)
		for i := range mark {
			mark[i] = digits[value>>60]
			value <<= 4
		}
		copy(dst, mark[:])
		dst = dst[n:]
	}
}

func fillBytes(dst []byte, seed, word uint64) {
	for ; len(dst) >= 32; dst = dst[32:] {
		words := (*[32]byte)(dst)
		binary.LittleEndian.PutUint64(words[0:8], Mix(seed, word))
		binary.LittleEndian.PutUint64(words[8:16], Mix(seed, word+1))
		binary.LittleEndian.PutUint64(words[16:24], Mix(seed, word+2))
		binary.LittleEndian.PutUint64(words[24:32], Mix(seed, word+3))
		word += 4
	}
	for ; len(dst) > 0; word++ {
		var last [8]byte
		binary.LittleEndian.PutUint64(last[:], Mix(seed, word))
		dst = dst[copy(dst, last[:]):]
	}
}

func fillRecords(dst []byte, seed, index uint64) {
	for ; len(dst) >= RecordSize; dst = dst[RecordSize:] {
		record := recordAt(seed, index)
		record.put((*[RecordSize]byte)(dst))
		index++
	}
	if len(dst) > 0 {
		var last [RecordSize]byte
		record := recordAt(seed, index)
		record.put(&last)
		copy(dst, last[:])
	}
}

// Mix returns the index-th value of the splitmix64 sequence that starts at seed. Values do
// not depend on one another, so the processor computes several at a time.
// See Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
func Mix(seed, index uint64) uint64 {
	z := seed + (index+1)*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}
