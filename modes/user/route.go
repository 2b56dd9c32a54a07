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
	// local has the targets share the source's pages, each by its receiver; nil where they get copies.
	local     *kernel.LocalSource
	receivers []*kernel.LocalTarget

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
	// settled is how long it took to end sharing, in nanoseconds.
	settled int64
	handoff *transport.Handoff
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
	if r.local != nil {
		if err := r.stopSharing(); err != nil {
			return err
		}
	}
	byReference := r.byReference(size)
	if r.local != nil {
		r.local.Lend(byReference)
	}
	if err := r.source.Recycle(size); err != nil {
		return err
	}
	// A heap's region is not known yet.
	if region := r.source.Prepared(); region != nil && !region.Located() && len(r.targets) == 1 {
		r.mover.plan.by = r.choose(region, byReference)
		if window := region.Window(); window != nil && (r.local == nil || !r.local.Lent(region)) {
			r.mover.window.tidy(window, int(size), r.mover.plan.by == moving)
		}
	}
	r.planned = size
	return nil
}

// byReference says whether the next payload is not to be copied. Nothing is learnt of payloads
// without a window: to copy and to move them takes other memory of the target's, which would be cold each time.
func (r *route) byReference(size int64) bool {
	if r.learner == nil || r.source.Windowless() != nil || size > int64(memory.Window) {
		return size >= r.mode.crossover && (len(r.targets) == 1 || size >= int64(memory.Block))
	}
	return r.learner.Pick(int(size), r.mover.zeroes && r.local == nil) == r.learner.Moving()
}

// choose returns how a region is handed over to the only target.
func (r *route) choose(region *modes.Region, byReference bool) way {
	prepared := region == r.source.Prepared()
	switch {
	case !byReference:
		if prepared {
			r.mover.plan = plan{}
		}
	case r.local != nil && region.Prepared():
		return sharing
	case r.mode.moves && (prepared && r.mover.movable(region) || !prepared && movable(region)):
		return moving
	}
	return copying
}

// stopSharing has pages move from now on if the target writes to much of what it gets: each page that it
// writes to is copied by a page fault, which takes thirty times as long as a copy beforehand.
func (r *route) stopSharing() error {
	if len(r.targets) > 1 || !r.mode.moves || !r.receivers[0].Writes() || r.local.Withdraw() != nil {
		return nil // what shows a file is not to move
	}
	r.source.SetLender(nil)
	r.mover.window = window{}
	if r.learner != nil {
		r.learner = r.mode.newLearner()
	}
	return r.closeSharing()
}

// closeSharing gives up the source's files, and the targets' views of them.
func (r *route) closeSharing() error {
	local := r.local
	if r.local = nil; local == nil {
		return nil
	}
	for i, t := range r.targets {
		t.lock.Lock()
		r.receivers[i].Disconnected()
		t.lock.Unlock()
	}
	return local.Close()
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
		r.mover.plan.by = r.choose(region, r.byReference(spec.Size))
	}
	return nil
}

func (r *route) Rehearse(spec payloads.Spec) error {
	if err := r.Recycle(spec.Size); err != nil {
		return err
	}
	return r.source.Rehearse(spec)
}

func (r *route) Send(handoff *transport.Handoff) error {
	handoff.Resize(len(r.targets))
	for i := range handoff.Deliveries {
		handoff.Deliveries[i] = transport.Delivery{}
	}
	r.handoff, r.planned, r.shared = handoff, 0, false
	moved := r.mover.moved.Load()
	handoff.Start = measure.Now()
	taken, err := r.direct.send(r)
	if !taken {
		err = r.source.Send()
	}
	if r.learner != nil && err == nil {
		latency := handoff.Deliveries[0].Timeline.Latency()
		switch {
		case r.shared:
			r.learner.Sent(latency+r.settled, r.learner.Moving(), r.settled > 0)
			r.learner.Returned(0, 0)
		case r.mover.moved.Load() != moved:
			r.learner.Sent(latency, r.learner.Moving(), r.mover.lent.target != nil)
		default:
			r.learner.Sent(latency, 0, false)
		}
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
	by := sharing
	if len(r.targets) == 1 {
		if by = r.mover.plan.by; region != r.source.Prepared() {
			by = r.choose(region, int64(region.Len()) >= r.mode.crossover)
		}
	}
	switch delivery := &r.handoff.Deliveries[0]; by {
	case sharing:
		return r.share(region)
	case moving:
		r.targets[0].takePages(region, &r.mover, delivery)
	default:
		r.targets[0].take(r.payload, r.alone(region), delivery)
	}
	return nil
}

// alone says that all that the target's window shows is this region, whose guest is suspended.
func (r *route) alone(region *modes.Region) bool {
	return r.local != nil && r.local.Lent(region) && r.receivers[0].Shows()
}

// share has all targets show the source's pages, or get copies.
func (r *route) share(region *modes.Region) error {
	for _, t := range r.lockOrder {
		t.lock.Lock()
	}
	if r.local != nil && (len(r.targets) == 1 || r.byReference(int64(region.Len()))) {
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
	r.reference, r.settled = stream.Reference{}, 0
	var err error
	if r.shared {
		err = r.local.Finish(region, r.payload, held)
		r.mover.shared.Add(1)
		if held == 0 {
			r.settled = measure.Now() - r.handoff.Deliveries[0].Timeline.Consumed
		}
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
		r.targets[i].borrow(r.receivers[i], uint32(len(r.payload)), r.reference, &r.handoff.Deliveries[i])
	}
}

// serve takes one target to the end.
func (r *route) serve(i int) {
	t, delivery := r.targets[i], &r.handoff.Deliveries[i]
	if r.serial {
		r.lend(i)
	}
	if !r.shared {
		t.place(r.payload, false, delivery)
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
	return errors.Join(r.source.Close(), r.closeSharing())
}
