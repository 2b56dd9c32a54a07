// Package payloads makes the data that functions hand to one another: seeded, so that
// every trial differs and any trial can be made again, and digested at memory speed, so
// that every byte is verified at every receiver.
package payloads

import (
	"fmt"
	"strings"
)

// Kind is what a payload consists of.
type Kind string

const (
	// Text is a repeated phrase, as the Roadrunner paper sends it: compressible, cheap to
	// escape in JSON.
	Text Kind = "text"
	// Records is an array of fixed-layout readings (Record): an object of many small
	// fields, where JSON has the most work.
	Records Kind = "records"
	// Bytes is incompressible; JSON carries it as base64.
	Bytes Kind = "bytes"
)

// Kinds lists every kind, the default one first.
func Kinds() []Kind { return []Kind{Text, Records, Bytes} }

// ParseKind returns the kind of that name.
func ParseKind(name string) (Kind, error) {
	names := make([]string, 0, 3)
	for _, kind := range Kinds() {
		if string(kind) == name {
			return kind, nil
		}
		names = append(names, string(kind))
	}
	return "", fmt.Errorf("payload %q is unknown: use %s", name, strings.Join(names, ", "))
}

// Spec names one payload exactly.
type Spec struct {
	Kind Kind
	// Seed makes the content; equal specs make equal payloads on every machine.
	Seed uint64
	// Size is the length in bytes of the payload in memory, before any serialization.
	Size int64
}

// digestChunk is how much of a payload Spec.Digest makes at a time, in bytes.
const digestChunk = 4 * textBlock

// Digest is the digest of the payload. It makes the payload anew, a piece at a time, and
// allocates nothing. An unknown kind panics.
func (s Spec) Digest() uint64 {
	var chunk [digestChunk]byte
	d := newDigester()
	for offset := int64(0); offset < s.Size; offset += digestChunk {
		part := chunk[:min(digestChunk, s.Size-offset)]
		fill(part, s.Kind, s.Seed, uint64(offset))
		d.add(part)
	}
	return d.sum()
}
