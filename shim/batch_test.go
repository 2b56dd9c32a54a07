package shim

import (
	"testing"

	"rrbench/payloads"
)

func TestSeedsDiffer(t *testing.T) {
	seen := map[uint64]bool{}
	n := 0
	for _, seed := range []uint64{0, 1, 2, 1 << 63} {
		batch := Batch{Seed: seed}
		for round := -5; round < 200; round++ {
			for worker := range 20 {
				seen[batch.SeedOf(round, worker)] = true
				n++
			}
		}
	}
	if len(seen) != n {
		t.Errorf("%d different seeds out of %d", len(seen), n)
	}
}

func TestSeedsAreStable(t *testing.T) {
	// The first output of SplitMix64 seeded with 0, as published.
	if got := payloads.Mix(0, 0); got != 0xe220a8397b1dcdaf {
		t.Errorf("payloads.Mix(0, 0) = %#x", got)
	}
	// Any trial of any run can be made again: these values are part of the contract.
	batch := Batch{Seed: 42}
	for _, c := range []struct {
		round, worker int
		want          uint64
	}{{0, 0, 0x6310bf04d8207f46}, {-1, 3, 0xb49ddf42454bb41b}, {7, 1, 0x8b622083ee62dfdc}} {
		if got := batch.SeedOf(c.round, c.worker); got != c.want {
			t.Errorf("round %d, worker %d: %#x instead of %#x", c.round, c.worker, got, c.want)
		}
	}
}
