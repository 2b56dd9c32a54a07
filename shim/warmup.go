package shim

import (
	"context"
	"fmt"
	"time"
)

// warmUp runs the rounds that are not recorded.
func (r *runner) warmUp(ctx context.Context) error {
	rounds := r.batch.Warmup
	for round := -rounds; round < 0; round++ {
		if time.Since(r.flushed) >= flushEvery {
			// There is nothing to hand over but a sign of life.
			if err := r.flush(ctx); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r.round(round, round+1)
		if err := r.verify(); err != nil {
			return fmt.Errorf("warm-up round %d of %d: %w", rounds+round+1, rounds, err)
		}
	}
	return nil
}

// verify returns the first failure of a round.
func (r *runner) verify() error {
	for i, w := range r.workers {
		for target := range w.handoff.Deliveries {
			if err, _ := w.failure(target); err != nil {
				return fmt.Errorf("worker %d, target %d: %w", i, target, err)
			}
		}
	}
	return nil
}
