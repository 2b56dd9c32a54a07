package function

import (
	"bytes"
	"fmt"

	"rrbench/payloads"
	"rrbench/transport"
)

// Source is function A. One goroutine at a time uses it.
type Source struct {
	codec codec
	// writes is as in Target.
	writes bool
	// flat is A's own memory; the message is a view of it.
	flat    []byte
	message *payloads.Message
	wire    bytes.Buffer
}

// NewSource makes a function with memory for serializing objects of setup's size and kind.
func NewSource(setup transport.Setup) (*Source, error) {
	codec, err := check(setup)
	if err != nil {
		return nil, err
	}
	s := &Source{codec: codec, writes: setup.Consume == transport.ConsumeWrite}
	if codec.encode != nil {
		// The JSON encoder keeps a quarter of what it has written free behind it.
		s.wire.Grow(int(WireSize(setup.Codec, setup.Payload, setup.Size) * 5 / 4))
	}
	return s, nil
}

// Prepare makes the object of spec in the function's memory. What Encode has returned before is
// no longer valid.
func (s *Source) Prepare(spec payloads.Spec) error {
	if spec.Size <= 0 {
		return fmt.Errorf("payload of %d bytes: it must have at least one", spec.Size)
	}
	if spec.Size > int64(cap(s.flat)) {
		s.flat = make([]byte, spec.Size)
	}
	s.flat = s.flat[:spec.Size]
	if err := s.Hold(spec.Kind, spec.Seed, s.flat); err != nil {
		return err
	}
	payloads.Fill(s.flat, spec.Kind, spec.Seed)
	return nil
}

// Rehearse makes the object and handles it, as the two functions do.
func (s *Source) Rehearse(spec payloads.Spec) error {
	if err := s.Prepare(spec); err != nil {
		return err
	}
	s.Handle()
	return nil
}

// Handle reads every byte of the prepared object, and changes every page where the setup wants that, as
// Target.Handle does. It returns the digest.
func (s *Source) Handle() (digest uint64) {
	digest, _ = s.message.Digest()
	if s.writes {
		payloads.Rewrite(s.flat)
	}
	return digest
}

// Hold takes what lies at flat, in its in-memory form, for the object, without copying: the
// caller leaves it alone until the next Hold or Prepare. What Encode has returned before is
// no longer valid.
func (s *Source) Hold(kind payloads.Kind, id uint64, flat []byte) error {
	message, err := payloads.MessageFromFlat(kind, id, flat)
	s.flat, s.message = flat, message
	return err
}

// Encode serializes the prepared object. The bytes are the function's and valid until the
// next Prepare or Encode; with transport.Raw they are the object's own memory.
func (s *Source) Encode() ([]byte, error) {
	if s.message == nil {
		return nil, fmt.Errorf("serialize: no payload has been prepared")
	}
	if s.codec.encode == nil {
		return s.flat, nil
	}
	s.wire.Reset()
	if err := s.codec.encode(&s.wire, s.message); err != nil {
		return nil, fmt.Errorf("serialize: %w", err)
	}
	return s.wire.Bytes(), nil
}

// check finds the codec and refuses what no function can be made for.
func check(setup transport.Setup) (codec, error) {
	if setup.Size <= 0 || setup.Size > payloads.MaxSize {
		return codec{}, fmt.Errorf("payload size of %d bytes: use 1 to %d", setup.Size, int64(payloads.MaxSize))
	}
	return codecOf(setup.Codec)
}
