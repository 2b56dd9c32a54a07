package shim

import (
	"errors"
	"fmt"

	"rrbench/payloads"
	"rrbench/transport"
)

// worker is an opened route and what it is about to send.
type worker struct {
	route transport.Route
	// handoff has one delivery a target, whatever the transport makes of it.
	handoff  transport.Handoff
	fanout   int
	spec     payloads.Spec
	expected uint64
	// err is why the last step failed, for all targets.
	err error
}

func newWorker(route transport.Route, fanout int) *worker {
	w := &worker{route: route, fanout: fanout}
	w.forget()
	return w
}

func (w *worker) prepare() {
	w.expected = w.spec.Digest()
	if w.err = w.route.Prepare(w.spec); w.err != nil {
		w.err = fmt.Errorf("prepare the payload: %w", w.err)
	}
}

// forget makes sure that no delivery is mistaken for an earlier one.
func (w *worker) forget() {
	w.handoff.Resize(w.fanout)
	w.handoff.Start = 0
	clear(w.handoff.Deliveries)
}

func (w *worker) send() {
	if w.err != nil {
		return
	}
	w.err = w.route.Send(&w.handoff)
	if n := len(w.handoff.Deliveries); w.err == nil && n != w.fanout {
		w.err = fmt.Errorf("the transport answered for %d targets instead of %d", n, w.fanout)
	}
	if w.err != nil {
		w.forget()
	}
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
	case !d.Timeline.Ordered():
		return fmt.Errorf("the moments of the hand-off are out of order: %+v", d.Timeline), false
	case d.Length != uint64(w.spec.Size):
		return fmt.Errorf("the target got %d bytes instead of %d", d.Length, w.spec.Size), true
	case d.Digest != w.expected:
		return fmt.Errorf("the target's digest is %016x, the source's %016x", d.Digest, w.expected), true
	}
	return nil, false
}
