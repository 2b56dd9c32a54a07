package user

import (
	"errors"
	"fmt"

	"rrbench/measure"
	"rrbench/memory"
	"rrbench/modes"
	"rrbench/modes/kernel"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// route is a source function and its targets.
//
// Where the targets share the source's pages, all of them get the payload before the first
// handler runs, unless they are served one after the other: that takes some microseconds each, a
// handler may take any time.
type route struct {
	mode    *mode
	source  *modes.Function
	targets []*target
	// lockOrder has the targets as all routes of the process lock them.
	lockOrder []*target
	mover     mover
	// learner chooses; nil where the size does.
	learner *modes.Learner
	// planned is the size for which the plan was made, 0 for none.
	planned int64
	// lender has the targets of a fan-out share the source's pages; nil where they get copies.
	local *kernel.LocalSource

	// pool runs serveOne, which is serve, for each target of a fan-out, serial for one after the other.
	pool     *transport.Pool
	serial   bool
	serveOne func(i int)

	// direct is for small payloads; nil where the engine has no direct calls.
	direct *directCall

	// What is under way: written before the start, read after it.
	payload   []byte
	shared    bool
	reference stream.Reference
	handoff   *transport.Handoff
	// released is room for an argument.
	released [1]uint64
	closed   bool
}

// Recycle has the pages of the payload before come back, and finds out how the next is to be handed over.
func (r *route) Recycle(size int64) error {
	if r.planned == size {
		return nil
	}
	r.planned = 0
	began := int64(0)
	if r.learner != nil && r.mover.lent.target != nil {
		began = measure.Now()
	}
	if back := r.mover.restore(size); began != 0 && back != 0 {
		r.learner.Returned(back-began, measure.Now()-back)
	}
	if region := r.source.Prepared(); region != nil && r.mover.window.foreign && size > int64(memory.Window) {
		empty(region.Window())
		r.mover.window = window{}
	}
	if err := r.source.Recycle(size); err != nil {
		return err
	}
	// A heap's region is not known yet.
	if region := r.source.Prepared(); region != nil && !region.Located() && len(r.targets) == 1 {
		r.plan(region)
		if window := region.Window(); window != nil {
			r.mover.window.tidy(window, int(size), r.mover.plan.moves())
		}
	}
	r.planned = size
	return nil
}

// plan chooses the mechanism for the next payload. Nothing is learnt of payloads without a window: to
// copy and to move them takes other memory of the target's, which would be cold each time.
func (r *route) plan(region *modes.Region) {
	size := int(region.Len())
	by := r.mode.mechanisms.For(size)
	switch _, moves := by.(moving); {
	case r.learner != nil && region.Window() != nil:
		by = r.mode.mechanisms.Below
		if r.learner.Pick(size, r.mover.zeroes) == r.learner.Moving() {
			by = r.mode.mechanisms.From
		}
	case !moves:
		r.mover.plan = plan{}
	case !r.mover.movable(region):
		by = r.mode.mechanisms.Below
	}
	r.mover.plan.by = by
}

func (r *route) Prepare(spec payloads.Spec) error {
	if err := r.Recycle(spec.Size); err != nil {
		return err
	}
	if err := r.source.Prepare(spec); err != nil {
		return err
	}
	r.mover.window.foreign = false
	if region := r.source.Prepared(); region != nil && region.Located() && len(r.targets) == 1 {
		r.plan(region)
	}
	return nil
}

func (r *route) Rehearse(spec payloads.Spec) error {
	if err := r.Recycle(spec.Size); err != nil {
		return err
	}
	return r.source.Rehearse(spec)
}

// Moves returns how many hand-offs of this route moved pages, and how many copied the
// payload where pages should have moved: the engine's memory cannot, the kernel refused, or
// too many places are in use.
func (r *route) Moves() (moved, copied uint64) {
	return r.mover.moved.Load(), r.mover.copied.Load()
}

func (r *route) Send(handoff *transport.Handoff) error {
	handoff.Resize(len(r.targets))
	for i := range handoff.Deliveries {
		handoff.Deliveries[i] = transport.Delivery{}
	}
	r.handoff, r.planned = handoff, 0
	moved := r.mover.moved.Load()
	handoff.Start = measure.Now()
	taken, err := r.direct.send(r)
	if !taken {
		err = r.source.Send()
	}
	if r.learner != nil && err == nil {
		way := 0
		if r.mover.moved.Load() != moved {
			way = r.learner.Moving()
		}
		r.learner.Sent(handoff.Deliveries[0].Timeline.Latency(), way, r.mover.lent.target != nil)
	}
	r.payload, r.handoff = nil, nil
	if err == nil || errors.Is(err, modes.ErrDelivery) {
		return nil
	}
	return fmt.Errorf("%s: send at the source: %w", r.mode.name, err)
}

// carry runs inside the source's send_to_host. The region is leased and its guest
// suspended, so a view of its memory holds until carry returns.
func (r *route) carry(region *modes.Region) error {
	deliveries := r.handoff.Deliveries
	// Nothing is serialized, copied out or transferred: the payload is where the target's
	// host can read it from the start on.
	start := r.handoff.Start
	for i := range deliveries {
		line := &deliveries[i].Timeline
		line.Start, line.Serialized, line.CopiedOut, line.Received = start, start, start, start
	}
	r.payload = region.Bytes()
	if err := r.handOver(region); err != nil {
		return err
	}
	for i := range deliveries {
		if deliveries[i].Err != nil {
			return modes.ErrDelivery
		}
	}
	return nil
}

// handOver returns an error when the source's guest must not run on.
func (r *route) handOver(region *modes.Region) error {
	if len(r.targets) > 1 {
		return r.fanOut(region)
	}
	by := r.mover.plan.by
	if region != r.source.Prepared() {
		by = r.mode.choose(region)
	}
	by.handOver(region, r.targets[0], &r.mover, &r.handoff.Deliveries[0])
	return nil
}

func (r *route) fanOut(region *modes.Region) error {
	for _, t := range r.lockOrder {
		t.lock.Lock()
	}
	r.shared = false
	if r.local != nil {
		r.reference, r.shared = r.local.Refer(region, r.payload)
	}
	for i := range r.targets {
		if !r.serial {
			r.lend(i)
		}
	}
	r.pool.Run(r.serveOne)
	held := 0
	for _, t := range r.targets {
		if t.held {
			held++
		}
	}
	r.reference = stream.Reference{}
	var err error
	if r.shared {
		err = r.local.Finish(region, r.payload, held)
		r.mover.shared.Add(1)
	}
	for _, t := range r.lockOrder {
		if t.released != 0 {
			r.released[0] = t.released
			r.local.Released(r.released[:])
		}
		t.held, t.released = false, 0
		t.lock.Unlock()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", err, modes.ErrHalt)
	}
	return nil
}

// lend has a target show the source's pages, if they are shared.
func (r *route) lend(i int) {
	if r.shared {
		r.targets[i].borrow(uint32(len(r.payload)), r.reference, &r.handoff.Deliveries[i])
	}
}

// serve takes one target of a fan-out to the end.
func (r *route) serve(i int) {
	t, delivery := r.targets[i], &r.handoff.Deliveries[i]
	if r.serial {
		r.lend(i)
	}
	if !r.shared {
		t.place(r.payload, delivery)
	}
	t.consume(delivery)
}

func (r *route) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	r.pool.Close()
	r.mover.restore(0)
	err := r.source.Close()
	if r.local != nil {
		for _, t := range r.targets {
			t.forget()
		}
		err = errors.Join(err, r.local.Close())
	}
	return err
}
