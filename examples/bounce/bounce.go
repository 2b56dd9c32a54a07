// Package bounce is an example of a transport: both functions live in one shim, and each payload
// bounces off a buffer of the host's, out of A's memory and into B's. CONTRIBUTING.md says how
// one joins the catalogue; package transport has the contract.
package bounce

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"rrbench/measure"
	"rrbench/modes"
	"rrbench/payloads"
	"rrbench/transport"
)

const name = "example/bounce"

type bounce struct{}

// New is example/bounce.
func New() transport.Transport { return bounce{} }

func (bounce) Info() transport.Info {
	return transport.Info{
		Name:            name,
		Summary:         "one shim, A's memory copied to the host and on into B's",
		Family:          transport.User,
		Place:           4,
		Limits:          []string{"limit/memcpy"},
		Hosting:         transport.SharedProcess,
		Runs:            transport.Wasm,
		Codecs:          []transport.Codec{transport.None},
		CopiesPerTarget: 1,
		CopiesAtSource:  2,
	}
}

// Check finds nothing missing: where an engine runs, this does.
func (bounce) Check() error { return nil }

// targets are those of this process.
var targets transport.Local[target]

type target struct {
	address string
	// lock keeps a hand-off and Close apart.
	lock     sync.Mutex
	function *modes.Function
}

func (bounce) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	if err := transport.CheckPlain(name, setup.Codec); err != nil {
		return nil, err
	}
	function, err := modes.Load(ctx, setup, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: target: %w", name, err)
	}
	t := &target{function: function}
	t.address = targets.Add(t)
	return t, nil
}

func (t *target) Endpoint() transport.Endpoint {
	return transport.Endpoint{Transport: name, Address: t.address}
}

func (t *target) Close() error {
	targets.Remove(t.address)
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.function.Close()
}

// take copies the payload into B's memory and has B handle it. A failure of this target
// leaves the others alone.
func (t *target) take(payload []byte, d *transport.Delivery) {
	t.lock.Lock()
	defer t.lock.Unlock()
	d.Timeline.Received = d.Timeline.CopiedOut // nothing lies between the two
	region, err := t.function.Allocate(uint32(len(payload)))
	if err != nil {
		d.Err = fmt.Errorf("%s: allocate at the target: %w", name, err)
		return
	}
	d.Length = uint64(copy(region.Bytes(), payload))
	d.Timeline.CopiedIn = measure.Now()
	d.Timeline.Delivered = d.Timeline.CopiedIn
	if d.Digest, err = t.function.Handle(region); err != nil {
		d.Err = fmt.Errorf("%s: handle at the target: %w", name, err)
	}
	d.Timeline.Consumed = measure.Now()
	d.Timeline.Acknowledged = d.Timeline.Consumed
}

type route struct {
	source  *modes.Function
	targets []*target
	buffer  []byte
	handoff *transport.Handoff
	running sync.WaitGroup
}

func (bounce) Open(ctx context.Context, setup transport.Setup, endpoints []transport.Endpoint) (transport.Route, error) {
	if err := transport.CheckPlain(name, setup.Codec); err != nil {
		return nil, err
	}
	found, err := targets.Find(name, endpoints)
	if err != nil {
		return nil, err
	}
	r := &route{targets: found, buffer: make([]byte, setup.Size)}
	if r.source, err = modes.Load(ctx, setup, r.carry); err != nil {
		return nil, fmt.Errorf("%s: source: %w", name, err)
	}
	return r, nil
}

func (r *route) Prepare(spec payloads.Spec) error { return r.source.Prepare(spec) }

// Rehearse makes a payload that A reads itself.
func (r *route) Rehearse(spec payloads.Spec) error { return r.source.Rehearse(spec) }

// Send has A's guest call send_to_host, and so carry.
func (r *route) Send(handoff *transport.Handoff) error {
	handoff.Deliveries = append(handoff.Deliveries[:0], make([]transport.Delivery, len(r.targets))...)
	r.handoff = handoff
	handoff.Start = measure.Now()
	if err := r.source.Send(); err != nil && !errors.Is(err, modes.ErrDelivery) {
		return fmt.Errorf("%s: send at the source: %w", name, err)
	}
	return nil
}

// carry takes the payload out of A's memory, then to all targets at once. (A transport that is
// meant to be fast has the goroutines waiting since Open: transport.Pool.)
func (r *route) carry(region *modes.Region) error {
	r.buffer = append(r.buffer[:0], region.Bytes()...)
	copied := measure.Now()
	for i, t := range r.targets {
		d := &r.handoff.Deliveries[i]
		d.Timeline.Start, d.Timeline.Serialized = r.handoff.Start, r.handoff.Start
		d.Timeline.CopiedOut = copied
		r.running.Go(func() { t.take(r.buffer, d) })
	}
	r.running.Wait()
	for i := range r.handoff.Deliveries {
		if r.handoff.Deliveries[i].Err != nil {
			return modes.ErrDelivery
		}
	}
	return nil
}

func (r *route) Close() error { return r.source.Close() }
