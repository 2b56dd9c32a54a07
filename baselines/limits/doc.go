// Package limits measures what the machine itself reaches, in the same runs and the same
// way as the transports: bytes go from one warm buffer to another by the plainest means,
// with no function on either side. What a transport loses against its limit is what it
// adds to the machine.
//
//   - limit/memcpy: one process copies from one buffer to another.
//   - limit/mremap: one process moves the pages of one buffer to another place.
//   - limit/unix: two processes, write(2) and read(2) over a Unix stream socket.
//   - limit/tcp: the same over TCP.
//
// The digest that stands for a handler is native, and every delivery is verified like any
// other.
package limits

import (
	"errors"
	"fmt"

	"rrbench/payloads"
	"rrbench/transport"
)

// Source is the warm buffer that a limit sends from.
type Source struct {
	memory buffer
	writes bool
}

// NewSource makes one without memory yet.
func NewSource(setup transport.Setup) Source {
	return Source{writes: setup.Consume == transport.ConsumeWrite}
}

// Prepare fills the buffer.
func (s *Source) Prepare(spec payloads.Spec) error {
	if spec.Size < 1 {
		return fmt.Errorf("a payload of %d bytes cannot be sent", spec.Size)
	}
	if err := s.memory.resize(spec.Size); err != nil {
		return err
	}
	payloads.Fill(s.memory.bytes, spec.Kind, spec.Seed)
	return nil
}

// Rehearse fills the buffer and handles it.
func (s *Source) Rehearse(spec payloads.Spec) error {
	if err := s.Prepare(spec); err != nil {
		return err
	}
	handle(s.memory.bytes, s.writes)
	return nil
}

// handle stands for a target's handler: it reads every byte, and may change every page.
func handle(payload []byte, writes bool) (digest uint64) {
	digest = payloads.Digest(payload)
	if writes {
		payloads.Rewrite(payload)
	}
	return digest
}

// Bytes are what was prepared.
func (s *Source) Bytes() ([]byte, error) {
	if s.memory.bytes == nil {
		return nil, errors.New("nothing was prepared")
	}
	return s.memory.bytes, nil
}

// Close frees the buffer.
func (s *Source) Close() error { return s.memory.free() }

func checkCodec(name string, setup transport.Setup) error {
	if setup.Codec == transport.None || setup.Codec == "" {
		return nil
	}
	return fmt.Errorf("%s does not serialize: codec %q is not possible, use %q", name, setup.Codec, transport.None)
}
