package shim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"rrbench/payloads"
)

// DefaultDeadline bounds a hand-off when Batch.Deadline is zero.
const DefaultDeadline = 30 * time.Second

// Batch asks for rounds of hand-offs over all routes that a shim has opened. In a round
// every route, called a worker, prepares its payload; when all are ready they send
// together; the round ends when the last of them is done and may prepare the next one.
//
// A batch has up to four parts: the first round, the warm-up, the window, the rounds. Before the last part comes
// a round that counts only when it fails, since what was done before it let processors sleep and filled
// caches with other data.
type Batch struct {
	Payload payloads.Kind
	// Sizes are the payloads' sizes in bytes, of which each seed draws one.
	Sizes []int64
	// Seed is where the seeds of all payloads derive from; see SeedOf.
	Seed uint64
	// First adds a record of the first round of fresh functions (Record.First).
	First bool
	// Warmup rounds are sent and verified, but not recorded.
	Warmup int
	// Window is how long each worker then repeats hand-offs by itself, and Least how many it makes
	// at least. Its CPU times apply to the batches after it, until another window. Zero leaves it
	// out.
	Window time.Duration
	Least  int
	// Rate is how many hand-offs a second are due in the window, of all workers together; at 0 each
	// worker begins the next one when the last is over.
	Rate int
	// Rounds are measured and recorded.
	Rounds int
	// Deadline bounds one round; zero is DefaultDeadline.
	Deadline time.Duration
	// Apart is set where targets have another clock than the source: moments of the two are not
	// compared, and a latency in the window ends with the acknowledgement.
	Apart bool
}

// Rounds of a batch that are not those of its last part.
const (
	// windowRound is the first of the window's.
	windowRound = 1 << 32
	// openingRound and firstRound come before the last part, and before all.
	openingRound = -1 << 32
	firstRound   = openingRound - 1
)

// SeedOf is the seed of a worker's payload in a round. Rounds count from 0; the warm-up's
// rounds are negative, the last one is -1. Two hand-offs of a batch share a seed with a
// probability of 2^-64, except that a window repeats a few of them.
func (b *Batch) SeedOf(round, worker int) uint64 {
	mix := func(seed uint64) uint64 { return payloads.Mix(seed, 0) }
	return mix(mix(mix(b.Seed)+uint64(round)) + uint64(worker))
}

// WindowSeed is the seed of a window's payload: they count from 0.
func (b *Batch) WindowSeed(i int) uint64 { return b.SeedOf(windowRound+i, 0) }

// Spec is the payload of a seed.
func (b *Batch) Spec(seed uint64) payloads.Spec {
	size := b.Sizes[0]
	if n := uint64(len(b.Sizes)); n > 1 {
		size = b.Sizes[payloads.Mix(seed, 0)%n]
	}
	return payloads.Spec{Kind: b.Payload, Seed: seed, Size: size}
}

func (b *Batch) largest() int64 { return slices.Max(b.Sizes) }

func (b *Batch) deadline() time.Duration { return cmp.Or(b.Deadline, DefaultDeadline) }

func (b *Batch) check() error {
	if _, err := payloads.ParseKind(string(b.Payload)); err != nil {
		return err
	}
	if len(b.Sizes) == 0 || slices.Min(b.Sizes) <= 0 {
		return fmt.Errorf("payload sizes %v: each must be at least 1 byte", b.Sizes)
	}
	if b.Warmup < 0 || b.Rounds < 0 || b.Window < 0 || b.Deadline < 0 || b.Least < 0 || b.Rate < 0 {
		return fmt.Errorf("batch with warm-up %d, rounds %d, window %v of %d at a rate of %d, deadline %v: none may be negative", b.Warmup, b.Rounds, b.Window, b.Least, b.Rate, b.Deadline)
	}
	return nil
}
