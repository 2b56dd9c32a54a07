package shim

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"rrbench/control"
	"rrbench/foreign"
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
	var failure error
	interrupts := measure.SoftIRQ()
	measure.TakeUsage()
	began := measure.Now()
	for again := true; again && failure == nil; {
		{
			used = used.Add(measure.TakeUsage())
			paused := measure.Now()
			if !r.prepare(-1) {
				failure = r.verify()
				break
			}
			began += measure.Now() - paused
			measure.TakeUsage()
		}
		r.accounted.tried.Add(int64(r.handoffs))
		r.sendAgain()
		var delivered measure.Usage
		delivered, failure = r.judge(true)
		used = used.Add(delivered)
		again = measure.Now()-began < int64(r.batch.Window) || r.accounted.ok.Load() == 0
		if err := ctx.Err(); err != nil && failure == nil {
			failure = err
		}
	}
	used = used.Add(measure.TakeUsage())
	r.disturbed = true
	r.accounted.close(measure.Now()-began, failure, r.changing)
	if failure != nil {
		return fmt.Errorf("window of CPU accounting: %w", failure)
	}
	if cpu := used.CPU(); cpu > 0 {
		r.costs.known = true
		r.costs.userShare = float64(used.UserNs) / float64(cpu)
	}
	sent := r.accounted.tried.Load()
	r.costs.mean = shareOf(used, float64(sent))
	r.costs.softIRQ = (measure.SoftIRQ() - interrupts) / sent
	return nil
}

// sendAgain has every worker send what it has prepared.
func (r *runner) sendAgain() {
	for _, w := range r.workers {
		w.forget()
	}
	r.enter(-1, true)
	r.pool.Run(r.send)
	r.leave()
}

// judge counts the hand-offs of a window's round, returns what others used for them, and the
// first failure. A payload that was not prepared for this round and arrives as another one
// is no failure: a guest may write to its region when the transfer is over
// (docs/guest-abi.md). From then on each is prepared anew.
func (r *runner) judge(prepared bool) (used measure.Usage, failure error) {
	for i, w := range r.workers {
		for target := range w.handoff.Deliveries {
			d := &w.handoff.Deliveries[target]
			used = used.Add(d.Usage)
			err, mismatch := w.failure(target)
			switch {
			case err == nil:
				r.accounted.ok.Add(1)
			case mismatch && !prepared && d.Length == uint64(w.spec.Size):
				r.changing = true
				r.accounted.changed.Add(1)
			default:
				r.accounted.failed.Add(1)
				if failure == nil {
					failure = fmt.Errorf("worker %d, target %d: %w", i, target, err)
				}
			}
		}
	}
	return used, failure
}

// accounted is what is known of a window at any moment: its step may hang.
type accounted struct {
	tried, ok, failed, changed atomic.Int64
	ns                         atomic.Int64
	reason                     atomic.Pointer[string]
	taken                      atomic.Bool
}

func (a *accounted) close(ns int64, failure error, changing bool) {
	a.ns.Store(ns)
	reason := ""
	switch {
	case failure != nil:
		reason = foreign.Error(failure)
	case changing:
		reason = "the guest changes payloads that it has sent: each was prepared anew"
	}
	a.reason.Store(&reason)
}

// take returns the window once there is anything to tell, and once only. Hand-offs that have
// not come back have failed; those of a payload that its guest had changed cannot be
// judged and do not count.
func (a *accounted) take() *control.Window {
	changed := a.changed.Load()
	tried := a.tried.Load() - changed
	if tried+changed == 0 || a.taken.Swap(true) {
		return nil
	}
	window := &control.Window{Tried: tried, Ok: a.ok.Load(), Ns: a.ns.Load()}
	window.Failed = tried - window.Ok
	if reason := a.reason.Load(); reason != nil {
		window.Reason = *reason
	} else {
		window.Reason = "the last hand-off did not end"
	}
	return window
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
