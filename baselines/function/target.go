package function

import (
	"fmt"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
)

// Target is function B. One goroutine at a time uses it.
type Target struct {
	codec   codec
	limit   int64
	wire    []byte
	message payloads.Message
	// writes is whether the handler changes what it has read.
	writes bool
}

// NewTarget makes a function with memory for objects of setup's size and kind.
func NewTarget(setup transport.Setup) (*Target, error) {
	codec, err := check(setup)
	if err != nil {
		return nil, err
	}
	return &Target{
		codec:  codec,
		limit:  WireLimit(setup.Codec, setup.Size),
		wire:   make([]byte, 0, WireSize(setup.Codec, setup.Payload, setup.Size)),
		writes: setup.Consume == transport.ConsumeWrite,
	}, nil
}

// Buffer returns the function's memory for a serialized object of n bytes, to be read
// into. It is valid until the next Buffer; its content is what was there before.
func (t *Target) Buffer(n int64) ([]byte, error) {
	if n <= 0 {
		return nil, fmt.Errorf("object of %d bytes: it must have at least one", n)
	}
	if n > t.limit {
		return nil, fmt.Errorf("object of %d bytes is longer than the %d that this function was set up for", n, t.limit)
	}
	if n > int64(cap(t.wire)) {
		// Some room to spare, as the next object may be a little longer.
		t.wire = make([]byte, n, n+n/16)
	}
	t.wire = t.wire[:n]
	return t.wire, nil
}

// Handle takes in the object that Buffer's bytes now hold: it deserializes the object, enters the handler, which
// reads every byte and changes every page where the setup wants that, and fills in the delivery's Delivered,
// Consumed, Digest and Length.
func (t *Target) Handle(d *transport.Delivery) error {
	t.message.Reset()
	if err := t.codec.decode(t.wire, &t.message); err != nil {
		return fmt.Errorf("deserialize %d bytes: %w", len(t.wire), err)
	}
	d.Timeline.Delivered = measure.Now()
	d.Digest, d.Length = t.message.Digest()
	if t.writes {
		t.message.Rewrite()
	}
	d.Timeline.Consumed = measure.Now()
	return nil
}
