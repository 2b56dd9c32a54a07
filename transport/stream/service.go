package stream

import "time"

// Service is what a target does with the payloads that arrive.
type Service struct {
	Receiver Receiver
	// Limit is the longest payload accepted, in bytes. It is checked before anything is
	// allocated. Zero means what the protocol can carry, 4 GiB.
	Limit uint64
	// Deadline bounds the arrival of one payload and the writing of its acknowledgement;
	// waiting for the next payload is not bounded. Zero means no bound.
	Deadline time.Duration
}

// Receiver is the function behind a target. Calls come one at a time, for each payload
// Place, Consume and Release; Consume is left out when the payload did not become complete.
type Receiver interface {
	// Place returns memory for a payload of n bytes, n > 0. The bytes are read from the
	// socket straight into it. It stays the receiver's, and is not touched once Consume or
	// Release was called. After an error there is nothing to release.
	Place(n uint64) ([]byte, error)
	// Consume runs the handler on the complete payload, and returns the digest that the
	// handler computed. The clock is read before and after it.
	Consume() (digest uint64, err error)
	// Release takes the memory back.
	Release() error
}
