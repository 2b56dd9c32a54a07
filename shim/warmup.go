package shim

import (
	"context"
	"fmt"
	"time"

	"rrbench/measure"
)

// warmUp runs the rounds that are not recorded, and the window.
func (r *runner) warmUp(ctx context.Context) error {
	rounds := r.batch.Warmup
	if rounds == 0 && r.batch.Window > 0 {
		// The window sends what a round has prepared.
		rounds = 1
	}
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
		r.round(round)
		if err := r.verify(); err != nil {
			return fmt.Errorf("warm-up round %d of %d: %w", rounds+round+1, rounds, err)
		}
	}
	if r.batch.Window == 0 {
		return nil
	}
	return r.window(ctx)
}

// window sends the prepared payload for as long as Batch.Window, at least once, and takes
// the costs of a hand-off from the sum.
func (r *runner) window(ctx context.Context) error {
	var used measure.Usage
	sent := int64(0)
	interrupts := measure.SoftIRQ()
	r.meter.Take()
	for end := measure.Now() + int64(r.batch.Window); sent == 0 || measure.Now() < end; {
		if r.spent() {
			used = used.Add(r.meter.Take())
			paused := measure.Now()
			r.enter(-1, false)
			r.crew.each((*worker).prepareSpent)
			r.leave()
			end += measure.Now() - paused
			r.meter.Take()
		}
		for _, w := range r.crew.workers {
			w.forget()
		}
		r.enter(-1, true)
		r.crew.each((*worker).send)
		r.leave()
		if err := r.verify(); err != nil {
			return fmt.Errorf("window of CPU accounting: %w", err)
		}
		for _, w := range r.crew.workers {
			for i := range w.handoff.Deliveries {
				used = used.Add(w.handoff.Deliveries[i].Usage)
				sent++
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	used = used.Add(r.meter.Take())
	r.disturbed = true
	if cpu := used.CPU(); cpu > 0 {
		r.costs.known = true
		r.costs.userShare = float64(used.UserNs) / float64(cpu)
	}
	r.costs.mean = shareOf(used, float64(sent))
	r.costs.softIRQ = (measure.SoftIRQ() - interrupts) / sent
	return nil
}

// spent says whether any worker has to prepare its payload again. Doing so is not counted,
// as it is not in a round.
func (r *runner) spent() bool {
	for _, w := range r.crew.workers {
		if w.spent() {
			return true
		}
	}
	return false
}

// verify returns the first failure of a round.
func (r *runner) verify() error {
	for i, w := range r.crew.workers {
		for target := range w.handoff.Deliveries {
			if err, _ := w.failure(target); err != nil {
				return fmt.Errorf("worker %d, target %d: %w", i, target, err)
			}
		}
	}
	return nil
}
