// Package payloads makes the data that functions hand to one another: seeded, so that
// every trial differs and any trial can be made again, and digested at memory speed, so
// that every byte is verified at every receiver.
package payloads

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

// Spec names one payload exactly.
type Spec struct {
	Kind Kind
	// Seed makes the content; equal specs make equal payloads on every machine.
	Seed uint64
	// Size is the length in bytes of the payload in memory, before any serialization.
	Size int64
}
