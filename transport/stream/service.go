package stream

import (
	"time"

	"rrbench/memory"
	"rrbench/transport"
)

// Service is what a target does with the payloads that arrive.
type Service struct {
	Receiver Receiver
	// Limit is the longest payload accepted, in bytes. It is checked before anything is
	// allocated. Zero means what the protocol can carry, 4 GiB.
	Limit uint64
	// Deadline bounds the arrival of one payload and the writing of its acknowledgement;
	// waiting for the next payload is not bounded. Zero means no bound.
	Deadline time.Duration
	// Ring, when set, has sources bring rings along: a ring carries payloads and their answers then, and
	// the socket is closed when the peer is gone.
	Ring memory.Waiting
	// Facts are part of the endpoint.
	Facts map[string]string
}

// Receiver is the function behind a target. Calls come one at a time, those for several sources in
// turns, for each payload Place, Consume and Release; Consume is left out when the payload did not become complete.
type Receiver interface {
	// Place returns memory for a payload of n bytes, n > 0. The bytes are read from the
	// socket straight into it. It stays the receiver's, and is not touched once Consume or
	// Release was called. After an error there is nothing to release.
	Place(n uint64) ([]byte, error)
	// Consume runs the handler on the complete payload, and fills in the digest that the
	// handler computed. Until then the delivery has the payload's length and the moments up to
	// Delivered. A receiver that knows better changes them: one that deserializes says how long
	// the object is, and when it was delivered and consumed. The clock is read after Consume
	// where that leaves Consumed at zero.
	Consume(d *transport.Delivery) error
	// Release takes the memory back.
	Release() error
}

// Sharing is a Receiver that remembers something of its source.
type Sharing interface {
	Receiver
	// ForSource returns the receiver of one source more, of the same function.
	ForSource() Receiver
}

// FanOptions configure the connections of a Fan.
type FanOptions struct {
	// Transport is the transport whose targets these are; others are refused.
	Transport string
	// Deadline bounds each of sending a payload and waiting for its acknowledgement; the
	// latter includes the handler. Zero means no bound.
	Deadline time.Duration
	// Serial: each target is sent its payload when the one before has acknowledged.
	Serial bool
	// NewWriter makes the writer of one connection. nil means NewCopying.
	NewWriter func() (Writer, error)
	// Ring is as for Service; the targets' is set, too. It takes the place of writers.
	Ring memory.Waiting
	// Preparation, when there is any, is what the targets are prepared with (Preparer), at
	// most LocatorLimit bytes. It goes to admitted targets only.
	Preparation []byte
}
