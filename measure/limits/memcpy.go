package limits

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/bulk"
)

const memcpyName = "limit/memcpy"

type memory struct{}

var _ transport.Transport = memory{}

// NewMemcpy is limit/memcpy: one process copies from one warm buffer to another.
func NewMemcpy() transport.Transport { return memory{} }

func (memory) Info() transport.Info {
	return transport.Info{
		Name:            memcpyName,
		Summary:         "no function: memcpy from one warm buffer to another",
		Hosting:         transport.Together,
		Runs:            transport.Nothing,
		Codecs:          []transport.Codec{transport.None},
		CopiesPerTarget: 1,
		CopiesAtSource:  1,
	}
}

func (memory) Check() error { return nil }

// memcpyTargets are the buffers that this process offers, by addresses that nobody guesses.
var memcpyTargets = struct {
	sync.Mutex
	byAddress map[string]*memcpyTarget
}{byAddress: map[string]*memcpyTarget{}}

// memcpyTarget is a buffer to copy into.
type memcpyTarget struct {
	address string

	mutex  sync.Mutex
	memory pages
	closed bool
}

func (memory) Serve(_ context.Context, setup transport.Setup) (transport.Target, error) {
	if err := checkCodec(memcpyName, setup); err != nil {
		return nil, err
	}
	t := &memcpyTarget{address: rand.Text()}
	if err := t.memory.resize(max(setup.Size, 1)); err != nil {
		return nil, fmt.Errorf("%s: target: %w", memcpyName, err)
	}
	memcpyTargets.Lock()
	defer memcpyTargets.Unlock()
	memcpyTargets.byAddress[t.address] = t
	return t, nil
}

func (t *memcpyTarget) Endpoint() transport.Endpoint {
	return transport.Endpoint{Transport: memcpyName, Address: t.address}
}

func (t *memcpyTarget) Close() error {
	memcpyTargets.Lock()
	delete(memcpyTargets.byAddress, t.address)
	memcpyTargets.Unlock()
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.closed = true
	return t.memory.free()
}

// take copies the payload and digests it. As in user mode, everything until the handler
// would be entered is copy_in.
func (t *memcpyTarget) take(payload []byte, start int64, d *transport.Delivery) {
	t.mutex.Lock() // nobody else's but Close's
	defer t.mutex.Unlock()
	*d = transport.Delivery{Timeline: transport.Timeline{Start: start, Serialized: start, CopiedOut: start, Received: start}}
	if t.closed {
		d.Err = errors.New(memcpyName + ": the target is closed")
		return
	}
	if len(payload) > len(t.memory.bytes) {
		d.Err = fmt.Errorf("%s: payload of %d bytes is longer than the %d bytes agreed on", memcpyName, len(payload), len(t.memory.bytes))
		return
	}
	n := bulk.Copy(t.memory.bytes, payload)
	d.Timeline.CopiedIn = measure.Now()
	d.Timeline.Delivered = d.Timeline.CopiedIn
	d.Digest = payloads.Digest(t.memory.bytes[:n])
	d.Length = uint64(n)
	d.Timeline.Consumed = measure.Now()
	d.Timeline.Acknowledged = d.Timeline.Consumed
}

func (memory) Open(_ context.Context, setup transport.Setup, endpoints []transport.Endpoint) (transport.Route, error) {
	if err := checkCodec(memcpyName, setup); err != nil {
		return nil, err
	}
	targets, err := findMemcpyTargets(endpoints)
	if err != nil {
		return nil, err
	}
	r := &memcpyRoute{targets: targets}
	for i := 1; i < len(targets); i++ {
		wake := make(chan struct{}, 1)
		r.wake = append(r.wake, wake)
		r.ended.Go(func() {
			for range wake {
				targets[i].take(r.payload, r.handoff.Start, &r.handoff.Deliveries[i])
				r.flying.Done()
			}
		})
	}
	return r, nil
}

func findMemcpyTargets(endpoints []transport.Endpoint) (found []*memcpyTarget, err error) {
	if len(endpoints) == 0 {
		return nil, errors.New(memcpyName + ": a route needs at least one target")
	}
	memcpyTargets.Lock()
	defer memcpyTargets.Unlock()
	for _, endpoint := range endpoints {
		t := memcpyTargets.byAddress[endpoint.Address]
		if t == nil || endpoint.Transport != memcpyName {
			return nil, fmt.Errorf("%s: no target %q of %q in this process: serve it here", memcpyName, endpoint.Address, endpoint.Transport)
		}
		found = append(found, t)
	}
	return found, nil
}

// memcpyRoute copies into the first target itself and into each other one in a goroutine
// that waits since Open, as user mode does.
type memcpyRoute struct {
	source
	targets []*memcpyTarget

	wake          []chan struct{}
	payload       []byte
	handoff       *transport.Handoff
	flying, ended sync.WaitGroup
}

func (r *memcpyRoute) Send(handoff *transport.Handoff) error {
	payload := r.memory.bytes
	if payload == nil {
		return errors.New(memcpyName + ": nothing was prepared")
	}
	if cap(handoff.Deliveries) < len(r.targets) {
		handoff.Deliveries = make([]transport.Delivery, len(r.targets))
	}
	handoff.Deliveries = handoff.Deliveries[:len(r.targets)]
	r.payload, r.handoff = payload, handoff
	r.flying.Add(len(r.wake))
	handoff.Start = measure.Now()
	for _, wake := range r.wake {
		wake <- struct{}{}
	}
	r.targets[0].take(payload, handoff.Start, &handoff.Deliveries[0])
	r.flying.Wait()
	return nil
}

func (r *memcpyRoute) Close() error {
	for _, wake := range r.wake {
		close(wake)
	}
	r.wake = nil
	r.ended.Wait()
	return r.memory.free()
}
