package shim

import (
	"errors"
	"fmt"

	"rrbench/measure"
	"rrbench/transport"
)

// worker is an opened route and what it is about to send.
type worker struct {
	route transport.Route
	// recycler is the route if that is one.
	recycler transport.Recycler
	// handoff has one delivery a target, whatever the transport makes of it.
	handoff transport.Handoff
	fanout  int
	// expectation is the payload under way, and next the size of the one after it.
	expectation
	next int64
	// cycle is how long the last hand-off took until the next payload may be written.
	cycle int64
	// apart is Batch.Apart.
	apart bool
	// err is why the last step failed, for all targets.
	err error
}

func newWorker(route transport.Route, fanout int) *worker {
	w := &worker{route: route, fanout: fanout}
	w.recycler, _ = route.(transport.Recycler)
	w.forget()
	return w
}

// expect begins a hand-off. No delivery is mistaken for an earlier one's.
func (w *worker) expect(e expectation, next int64) {
	w.expectation, w.next, w.err = e, next, nil
	w.forget()
}

func (w *worker) forget() {
	w.handoff.Resize(w.fanout)
	w.handoff.Start, w.cycle = 0, 0
	for i := range w.handoff.Deliveries {
		w.handoff.Deliveries[i].Reset()
	}
}

func (w *worker) prepare() {
	if w.err = w.route.Prepare(w.spec); w.err != nil {
		w.err = fmt.Errorf("prepare the payload: %w", w.err)
	}
}

// send runs the cycle of a hand-off, all but the making of the payload.
func (w *worker) send() {
	if w.err != nil {
		return
	}
	w.err = w.route.Send(&w.handoff)
	if n := len(w.handoff.Deliveries); w.err == nil && n != w.fanout {
		w.err = fmt.Errorf("the transport answered for %d targets instead of %d", n, w.fanout)
	}
	if w.err == nil && w.recycler != nil {
		if err := w.recycler.Recycle(w.next); err != nil {
			w.err = fmt.Errorf("make room for the next payload: %w", err)
		}
	}
	if w.err != nil {
		w.forget()
		return
	}
	w.cycle = measure.Now() - w.handoff.Start
}

// failure is why the hand-off to one target failed, or nil. Whether it is only the
// mismatch reports content that is wrong.
func (w *worker) failure(target int) (err error, mismatch bool) {
	d := &w.handoff.Deliveries[target]
	switch {
	case w.err != nil:
		return w.err, false
	case d.Err != nil:
		return d.Err, false
	case d.Timeline == transport.Timeline{}:
		return errors.New("the transport said nothing of this target"), false
	case !w.apart && !d.Timeline.Ordered() || w.apart && !d.Timeline.OrderedApart():
		return fmt.Errorf("the moments of the hand-off are out of order: %+v", d.Timeline), false
	case d.Length != uint64(w.spec.Size):
		return fmt.Errorf("the target got %d bytes instead of %d", d.Length, w.spec.Size), true
	case d.Digest != w.digest:
		return fmt.Errorf("the target's digest is %016x, the source's %016x", d.Digest, w.digest), true
	}
	return nil, false
}
