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
	source  *modes.Function
	targets []*target

	// start has a channel for each goroutine; closing it ends the goroutine.
	start   []chan struct{}
	running sync.WaitGroup
	ended   sync.WaitGroup

	// What is under way: written before the start, read after it.
	payload []byte
	handoff *transport.Handoff
	closed  bool
}

func (r *route) startCarriers() {
	for i := 1; i < len(r.targets); i++ {
		start := make(chan struct{}, 1)
		r.start = append(r.start, start)
		r.ended.Add(1)
		go func() {
			defer r.ended.Done()
			for range start {
				r.targets[i].take(r.payload, &r.handoff.Deliveries[i])
				r.running.Done()
			}
		}()
	}
}

func (r *route) Prepare(spec payloads.Spec) (digest uint64, err error) {
	return r.source.Prepare(spec)
}

func (r *route) Send(handoff *transport.Handoff) error {
	if cap(handoff.Deliveries) < len(r.targets) {
		handoff.Deliveries = make([]transport.Delivery, len(r.targets))
	}
	handoff.Deliveries = handoff.Deliveries[:len(r.targets)]
	for i := range handoff.Deliveries {
		handoff.Deliveries[i].Reset()
	}
	r.handoff = handoff
	handoff.Start = measure.Now()
	err := r.source.Send()
	r.payload, r.handoff = nil, nil
	if err == nil || errors.Is(err, modes.ErrDelivery) {
		return nil
	}
	return fmt.Errorf("%s: send at the source: %w", copyName, err)
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
	if len(r.start) == 0 {
		r.targets[0].take(r.payload, &deliveries[0])
	} else {
		r.fanOut()
	}
	for i := range deliveries {
		if deliveries[i].Err != nil {
			return modes.ErrDelivery
		}
	}
	return nil
}

func (r *route) fanOut() {
	r.running.Add(len(r.start))
	for _, start := range r.start {
		start <- struct{}{}
	}
	r.targets[0].take(r.payload, &r.handoff.Deliveries[0])
	r.running.Wait()
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
	return r.source.Close()
}
