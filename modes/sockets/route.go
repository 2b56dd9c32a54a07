package sockets

import (
	"errors"
	"fmt"

	"rrbench/measure"
	"rrbench/modes"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/stream"
)

type route struct {
	name   string
	source *modes.Function
	fan    *stream.Fan
	detach func(region []byte) error
	// referrer may be nil.
	referrer Referrer

	// handoff is the one under way.
	handoff *transport.Handoff
	// broken is why the source's memory must not be used again.
	broken error
}

func (r *route) Prepare(spec payloads.Spec) (uint64, error) {
	if r.broken != nil {
		return 0, r.broken
	}
	return r.source.Prepare(spec)
}

func (r *route) Send(handoff *transport.Handoff) error {
	if r.broken != nil {
		return r.broken
	}
	r.handoff = handoff
	handoff.Start = measure.Now()
	err := r.source.Send()
	r.handoff = nil
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
func (r *route) carry(region *modes.Region) error {
	payload := region.Bytes()
	if err := r.deliver(region, payload); err != nil {
		r.broken = fmt.Errorf("%s: %w: %w; open a new route", r.name, err, modes.ErrHalt)
		return r.broken
	}
	failed := false
	for i := range r.handoff.Deliveries {
		if d := &r.handoff.Deliveries[i]; d.Err != nil {
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
func (r *route) deliver(region *modes.Region, payload []byte) error {
	if r.referrer == nil {
		if closed := r.fan.Send(payload, r.handoff); closed > 0 && r.detach != nil {
			if err := r.detach(payload); err != nil {
				return fmt.Errorf("a transfer failed and its pages could not be taken from the source: %w", err)
			}
		}
		return nil
	}
	defer func() { r.referrer.Released(r.fan.TakeReleased()) }()
	reference, ok := r.referrer.Refer(region, payload)
	if !ok {
		r.fan.Send(payload, r.handoff)
		return nil
	}
	held := r.fan.Refer(reference, payload, r.handoff)
	if err := r.referrer.Settle(region, payload, held); err != nil {
		return fmt.Errorf("a target holds on to the payload and its pages could not be taken from the source: %w", err)
	}
	return nil
}

func (r *route) Close() error {
	err := errors.Join(r.fan.Close(), r.source.Close())
	if r.referrer != nil {
		err = errors.Join(err, r.referrer.Close())
		r.referrer = nil
	}
	return err
}
