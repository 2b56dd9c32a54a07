package sockets

import (
	"context"
	"errors"
	"fmt"

	"rrbench/measure"
	"rrbench/modes"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// Source is what a route sends from: a function, or memory without one.
type Source interface {
	// Prepare is as for transport.Route.
	Prepare(spec payloads.Spec) error
	// Rehearse is as for transport.Route.
	Rehearse(spec payloads.Spec) error
	// Send has the Carrier called once with the payload, which does not change until that
	// returns. The error is the Carrier's, or the reason why it was not called.
	Send() error
	Close() error
}

// Carrier carries a payload to every target. The region that it lies in is nil where there is
// no function.
type Carrier func(region *modes.Region, payload []byte) error

// Send is a Carrier as functions know it.
func (c Carrier) Send(region *modes.Region) error { return c(region, region.Bytes()) }

// Referrer lets targets find payloads without the socket.
type Referrer interface {
	// Refer returns where the targets find a region's payload; false when its bytes are to
	// be sent. The region is leased until Finish has returned. After an error nothing is sent
	// any more.
	Refer(region *modes.Region, payload []byte) (reference stream.Reference, ok bool, err error)
	// Finish is called before the source's guest runs on after a payload was referred to,
	// with the number of targets that hold on to it (stream.Fan.Refer). An error means that
	// the guest must not run on.
	Finish(region *modes.Region, payload []byte, held int) error
	// Released names references that a target has held and holds no longer.
	Released(ids []uint64)
	// Close is called when the function and its memory are gone.
	Close() error
}

// Chooser is a Referrer that chooses for each payload between several ways.
type Chooser interface {
	Referrer
	// BySocket says that the payload that Refer was asked for last, and did not refer to, goes through
	// the socket although there is a ring.
	BySocket() bool
	// Sent is called with what has become of a payload, where none of it concerns all targets.
	Sent(deliveries []transport.Delivery)
	// Recycled is called with how long it took to make room for the next, in nanoseconds.
	Recycled(ns int64)
}

// Options make a route.
type Options struct {
	stream.FanOptions
	NewSource func(carry Carrier) (Source, error)
	// Serializes says that the source makes what it sends of its object: that is complete when the
	// Carrier is called.
	Serializes bool
	// NewReferrer, when set, makes the source's referrer when the route is connected with
	// processes.
	NewReferrer func(processes []int) (Referrer, error)
	// Detach is as for Transport.
	Detach func(region []byte) error
}

// Route is a source's connections to its targets.
type Route struct {
	name       string
	source     Source
	serializes bool
	fan        *stream.Fan
	detach     func(region []byte) error
	// referrer may be nil.
	referrer Referrer
	// chooser is the referrer if that is one.
	chooser Chooser

	// handoff is the one under way.
	handoff *transport.Handoff
	// broken is why the source's memory must not be used again.
	broken error
}

var (
	_ transport.Route    = (*Route)(nil)
	_ transport.Recycler = (*Route)(nil)
)

// Open makes a source and connects it to every endpoint.
func Open(ctx context.Context, endpoints []transport.Endpoint, options Options) (*Route, error) {
	r := &Route{name: options.Transport, serializes: options.Serializes, detach: options.Detach}
	var err error
	if r.source, err = options.NewSource(r.carry); err != nil {
		return nil, fmt.Errorf("%s: source: %w", r.name, err)
	}
	if r.fan, err = stream.OpenFan(ctx, endpoints, options.FanOptions); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", r.name, err), r.source.Close())
	}
	if options.NewReferrer != nil {
		if r.referrer, err = options.NewReferrer(r.fan.Processes()); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: source: %w", r.name, err), r.fan.Close(), r.source.Close())
		}
		r.chooser, _ = r.referrer.(Chooser)
	}
	return r, nil
}

func (r *Route) Prepare(spec payloads.Spec) error {
	if r.broken != nil {
		return r.broken
	}
	return r.source.Prepare(spec)
}

// Recycle implements transport.Recycler, for sources that do.
func (r *Route) Recycle(size int64) error {
	if r.broken != nil {
		return r.broken
	}
	recycler, ok := r.source.(transport.Recycler)
	if !ok {
		return nil
	}
	if r.chooser == nil {
		return recycler.Recycle(size)
	}
	began := measure.Now()
	err := recycler.Recycle(size)
	r.chooser.Recycled(measure.Now() - began)
	return err
}

func (r *Route) Rehearse(spec payloads.Spec) error {
	if r.broken != nil {
		return r.broken
	}
	return r.source.Rehearse(spec)
}

func (r *Route) Send(handoff *transport.Handoff) error {
	if r.broken != nil {
		return r.broken
	}
	r.handoff = handoff
	handoff.Start = measure.Now()
	err := r.source.Send()
	r.handoff = nil
	if r.chooser != nil && r.broken == nil && (err == nil || errors.Is(err, modes.ErrDelivery)) {
		r.chooser.Sent(handoff.Deliveries)
	}
	switch {
	case r.broken != nil:
		return r.broken
	case err == nil, errors.Is(err, modes.ErrDelivery):
		return nil
	}
	return fmt.Errorf("%s: send at the source: %w", r.name, err)
}

// carry runs inside the source's send_to_host. The region is leased and its guest
// suspended until carry returns, that is, until every target has acknowledged or failed.
func (r *Route) carry(region *modes.Region, payload []byte) error {
	complete := r.handoff.Start
	if r.serializes {
		complete = measure.Now()
	}
	if err := r.deliver(region, payload); err != nil {
		r.broken = fmt.Errorf("%s: %w: %w; open a new route", r.name, err, modes.ErrHalt)
		return r.broken
	}
	failed := false
	for i := range r.handoff.Deliveries {
		d := &r.handoff.Deliveries[i]
		d.Timeline.Serialized, d.Timeline.CopiedOut = complete, complete
		if d.Err != nil {
			d.Err = fmt.Errorf("%s: target %d: %w", r.name, i, d.Err)
			failed = true
		}
	}
	if failed {
		return modes.ErrDelivery
	}
	return nil
}

// deliver returns an error when the source's guest must not run on.
func (r *Route) deliver(region *modes.Region, payload []byte) error {
	if r.referrer == nil {
		if closed := r.fan.Send(payload, r.handoff); closed > 0 && r.detach != nil {
			if err := r.detach(payload); err != nil {
				return fmt.Errorf("a transfer failed and its pages could not be taken from the source: %w", err)
			}
		}
		return nil
	}
	defer func() { r.referrer.Released(r.fan.TakeReleased()) }()
	reference, ok, err := r.referrer.Refer(region, payload)
	if err != nil {
		return err
	}
	if !ok {
		if r.chooser != nil && r.chooser.BySocket() {
			r.fan.SendBeside(payload, r.handoff)
		} else {
			r.fan.Send(payload, r.handoff)
		}
		return nil
	}
	held := r.fan.Refer(reference, payload, r.handoff)
	return r.referrer.Finish(region, payload, held)
}

func (r *Route) Close() error {
	err := errors.Join(r.fan.Close(), r.source.Close())
	if r.referrer != nil {
		err = errors.Join(err, r.referrer.Close())
		r.referrer = nil
	}
	return err
}
