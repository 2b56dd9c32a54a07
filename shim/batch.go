package shim

import (
	"fmt"
	"time"

	"rrbench/payloads"
)

// DefaultDeadline bounds a hand-off when Batch.Deadline is zero.
const DefaultDeadline = 30 * time.Second

// Batch asks for rounds of hand-offs over all routes that a shim has opened. In a round
// every route, called a worker, prepares its payload; when all are ready they send
// together; the round ends when the last of them is done.
type Batch struct {
	Payload payloads.Kind
	// Size is the payload's size in bytes.
	Size int64
	// Seed is where the seeds of all payloads derive from; see SeedOf.
	Seed uint64
	// Warmup rounds come first: sent and verified, but not recorded.
	Warmup int
	// Rounds are measured and recorded. Where records have been handed over, a short one
	// is preceded by one that is recorded in its place only when it fails.
	Rounds int
	// Window is how long CPU time is accounted, after the warm-up, to learn how it splits
	// into user and kernel time and how much interrupt work a hand-off makes. The same
	// payload is sent again and again meanwhile, unless its guest changes it: then each is
	// prepared anew, outside of the accounting. Kernels that account by ticks split
	// soundly over 200 ms and more only. Zero leaves it out: what the last window over the
	// same routes has shown holds.
	Window time.Duration
	// Deadline bounds one round; zero is DefaultDeadline.
	Deadline time.Duration
}

// SeedOf is the seed of a worker's payload in a round. Rounds count from 0; the warm-up's
// rounds are negative, the last one before the records is -1. No two hand-offs of a batch
// share a seed but by a chance of 2^-64.
func (b *Batch) SeedOf(round, worker int) uint64 {
	return splitmix(splitmix(splitmix(b.Seed)+uint64(round)) + uint64(worker))
}

// splitmix is SplitMix64's output function over its golden-ratio increment: a bijection
// in which neighbours come out unrelated.
// See Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014.
func splitmix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (b *Batch) deadline() time.Duration {
	if b.Deadline == 0 {
		return DefaultDeadline
	}
	return b.Deadline
}

func (b *Batch) check() error {
	if _, err := payloads.ParseKind(string(b.Payload)); err != nil {
		return err
	}
	if b.Size <= 0 {
		return fmt.Errorf("payload size %d: must be at least 1 byte", b.Size)
	}
	if b.Warmup < 0 || b.Rounds < 0 || b.Window < 0 || b.Deadline < 0 {
		return fmt.Errorf("batch with warm-up %d, rounds %d, window %v, deadline %v: none may be negative", b.Warmup, b.Rounds, b.Window, b.Deadline)
	}
	return nil
}

// Window is what a batch's window of CPU accounting has come to. It counts hand-offs to
// single targets.
type Window struct {
	Tried, OK, Failed int
	// Ns is how long the window was, the preparing of payloads left out.
	Ns int64
	// Reason is why the first of the failed did, or what else a reader must know.
	Reason string
}
