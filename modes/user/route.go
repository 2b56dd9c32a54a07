package user

import (
	"errors"
	"fmt"
	"sync"

	"rrbench/measure"
	"rrbench/modes"
	"rrbench/payloads"
	"rrbench/transport"
)

// route is a source function and its targets. The first target is served by the goroutine
// that sends; every other one has a goroutine of its own that waits since Open, so that a
// fan-out runs on all cores and starting it costs a wake-up each.
type route struct {
	mode    *mode
	source  *modes.Function
	targets []*target
	mover   mover
	// spec is what was prepared.
	spec payloads.Spec

	// start has a channel for each goroutine; closing it ends the goroutine.
	start []chan struct{}
	// copied counts the targets of a fan-out that still need the source's pages, running
	// those that are not done.
	copied, running sync.WaitGroup
	ended           sync.WaitGroup

	// short is for small payloads; nil where there is no such way.
	short *short

	// What is under way: written before the start, read after it.
	payload []byte
	handoff *transport.Handoff
	closed  bool
}

var _ transport.Spender = (*route)(nil)

func (r *route) startCarriers() {
	for i := 1; i < len(r.targets); i++ {
		start := make(chan struct{}, 1)
		r.start = append(r.start, start)
		r.ended.Add(1)
		go func() {
			defer r.ended.Done()
			for range start {
				r.targets[i].take(r.payload, &r.handoff.Deliveries[i], &r.copied)
				r.running.Done()
			}
		}()
	}
}

func (r *route) Prepare(spec payloads.Spec) (digest uint64, err error) {
	r.mover.restore(spec)
	r.spec = spec
	if digest, err = r.source.Prepare(spec); err == nil {
		r.mover.makePlan(r.mode, r.source.Prepared())
	}
	return digest, err
}

// Spent says that the pages of the payload are not in the source's memory any more.
func (r *route) Spent() bool { return r.mover.spent() }

// Moves returns how many hand-offs of this route moved pages, and how many copied the
// payload where pages should have moved: the engine's memory cannot, the kernel refused, or
// too many places are in use.
func (r *route) Moves() (moved, copied uint64) {
	return r.mover.moved.Load(), r.mover.copied.Load()
}

func (r *route) Send(handoff *transport.Handoff) error {
	if r.Spent() {
		if _, err := r.Prepare(r.spec); err != nil {
			return fmt.Errorf("%s: prepare the payload again: %w", r.mode.name, err)
		}
	}
	if cap(handoff.Deliveries) < len(r.targets) {
		handoff.Deliveries = make([]transport.Delivery, len(r.targets))
	}
	handoff.Deliveries = handoff.Deliveries[:len(r.targets)]
	for i := range handoff.Deliveries {
		handoff.Deliveries[i] = transport.Delivery{}
	}
	r.handoff = handoff
	handoff.Start = measure.Now()
	taken, err := r.short.send(r)
	if !taken {
		err = r.source.Send()
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
	r.fanOut()
	moves := r.mover.plan.moves
	if !region.Prepared() {
		moves = r.mode.moves(region)
	}
	if moves {
		// Pages can move to one target only, after the others have their copies.
		r.copied.Wait()
		r.targets[0].takePages(region, &r.mover, &deliveries[0])
	} else {
		r.targets[0].take(r.payload, &deliveries[0], nil)
	}
	r.running.Wait()
	for i := range deliveries {
		if deliveries[i].Err != nil {
			return modes.ErrDelivery
		}
	}
	return nil
}

// fanOut starts the hand-offs to all targets but the first.
func (r *route) fanOut() {
	if len(r.start) == 0 {
		return
	}
	r.running.Add(len(r.start))
	r.copied.Add(len(r.start))
	for _, start := range r.start {
		start <- struct{}{}
	}
}

func (r *route) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	for _, start := range r.start {
		close(start)
	}
	r.ended.Wait()
	r.mover.prepared = nil
	return errors.Join(r.source.Close(), r.mover.shelf.Clear())
}
