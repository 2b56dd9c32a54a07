package shim

import (
	"fmt"
	"sync/atomic"
	"time"

	"rrbench/measure"
	"rrbench/transport"
)

// watched is the step of a round that a runner is at. It is written by the runner alone,
// and read when the step has taken too long.
type watched struct {
	// since is when the step began (measure.Now), 0 between steps.
	since   atomic.Int64
	round   atomic.Int64
	sending atomic.Bool
}

// enter and leave enclose a step that can hang. They stay functions of their own, with these
// arguments, because package audit tells by them, from outside, when a hand-off is under way.
//
//go:noinline
func (w *watched) enter(round int, sending bool) {
	w.round.Store(int64(round))
	w.sending.Store(sending)
	w.since.Store(measure.Now())
}

//go:noinline
func (w *watched) leave() { w.since.Store(0) }

// timeout is how long a step may take. Transports time out by themselves after the
// deadline, and know better why: they get the time to say so.
func timeout(deadline time.Duration) time.Duration {
	return deadline + min(max(deadline/4, 500*time.Millisecond), 2*time.Second)
}

// overdue says how long the present step may still take, and what is wrong when that is
// over.
func (r *runner) overdue() (left time.Duration, err error) {
	deadline := r.batch.deadline()
	allowed := timeout(deadline)
	since := r.since.Load()
	window := r.open.Load()
	if since == 0 {
		since = window.since()
	}
	if since == 0 {
		return allowed, nil
	}
	if left := allowed - time.Duration(measure.Now()-since); left > 0 {
		return left, nil
	}
	where := "the warm-up"
	switch round := r.watched.round.Load(); {
	case round >= 0:
		where = fmt.Sprintf("round %d of %d", round+1, r.batch.Rounds)
	case window != nil && window.result.Load() == nil:
		return 0, fmt.Errorf("%w within %v: a hand-off of the window is still under way (--deadline)", transport.ErrNoAnswer, deadline)
	case round == firstRound:
		where = "the first round"
	}
	doing := "preparing its payload"
	if r.sending.Load() {
		doing = "sending"
	}
	return 0, fmt.Errorf("%w within %v: %s is still %s (--deadline)", transport.ErrNoAnswer, deadline, where, doing)
}
