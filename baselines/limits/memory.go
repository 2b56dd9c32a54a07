package limits

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"rrbench/measure"
	"rrbench/memory"
	"rrbench/payloads"
	"rrbench/transport"
)

// memoryLimit is a limit inside one process.
type memoryLimit struct {
	limit
	// moves: the pages move, else their bytes are copied; of several targets the last gets them, after the
	// others have copied. windows: with the aligned GiB that they are in, which the kernel moves as one.
	moves, windows bool
}

func (m *memoryLimit) Info() transport.Info { return m.info(transport.SharedProcess) }
func (m *memoryLimit) Check() error         { return nil }

// memoryTargets are the buffers that this process offers.
var memoryTargets transport.Local[memoryTarget]

// memoryTarget is a buffer that takes payloads.
type memoryTarget struct {
	endpoint transport.Endpoint
	size     int64
	writes   bool

	mutex  sync.Mutex
	memory buffer
	closed bool
}

func (m *memoryLimit) Serve(_ context.Context, setup transport.Setup) (transport.Target, error) {
	if err := transport.CheckPlain(m.name, setup.Codec); err != nil {
		return nil, err
	}
	t := &memoryTarget{size: max(setup.Size, 1), writes: setup.Consume == transport.ConsumeWrite}
	t.memory.window = m.windows
	if _, err := t.memory.take(t.size); err != nil {
		return nil, fmt.Errorf("%s: target: %w", m.name, err)
	}
	t.endpoint = transport.Endpoint{Transport: m.name, Address: memoryTargets.Add(t)}
	return t, nil
}

func (t *memoryTarget) Endpoint() transport.Endpoint { return t.endpoint }

func (t *memoryTarget) Close() error {
	memoryTargets.Remove(t.endpoint.Address)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.closed = true
	return t.memory.free()
}

// take copies a route's payload, or moves its pages here once the other targets have copied it, and digests it. As
// in user mode, everything until the handler would be entered is copy_in.
func (t *memoryTarget) take(r *memoryRoute, moves bool, d *transport.Delivery) {
	if moves {
		r.copied.Wait()
	}
	t.mutex.Lock() // free but for Close
	defer t.mutex.Unlock()
	n, start, line := len(r.prepared), r.handoff.Start, &d.Timeline
	*d = transport.Delivery{Timeline: transport.Timeline{Start: start, Serialized: start, CopiedOut: start, Received: start}}
	switch {
	case t.closed:
		d.Err = fmt.Errorf("%s: the target is closed", r.limit.name)
	case int64(n) > t.size:
		d.Err = fmt.Errorf("%s: payload of %d bytes is longer than the %d bytes agreed on", r.limit.name, n, t.size)
	case moves:
		if d.Err = memory.Move(t.memory.pages(n), r.memory.pages(n)); d.Err == nil {
			r.away = n
		}
	default:
		memory.Copy(t.memory.area, r.prepared)
	}
	line.CopiedIn = measure.Now()
	if moves {
		line.Received = line.CopiedIn
	} else {
		r.copied.Done()
	}
	if d.Err != nil {
		return
	}
	line.Delivered = line.CopiedIn
	d.Digest, d.Length = handle(t.memory.area[:n], t.writes), uint64(n)
	line.Consumed = measure.Now()
	line.Acknowledged = line.Consumed
}

// giveBack moves the pages back, unless they are gone with the target's memory.
func (t *memoryTarget) giveBack(to *buffer, n int) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.closed {
		return nil
	}
	return memory.Move(to.pages(n), t.memory.pages(n))
}

func (m *memoryLimit) Open(_ context.Context, setup transport.Setup, endpoints []transport.Endpoint) (transport.Route, error) {
	if err := transport.CheckPlain(m.name, setup.Codec); err != nil {
		return nil, err
	}
	targets, err := memoryTargets.Find(m.name, endpoints)
	if err != nil {
		return nil, err
	}
	r := &memoryRoute{limit: m, targets: targets, pool: setup.Pool(len(targets))}
	r.memory.window = m.windows
	if r.Source, err = newSource(setup, &r.memory, nil); err != nil {
		return nil, fmt.Errorf("%s: source: %w", m.name, err)
	}
	r.deliver = r.deliverTo
	return r, nil
}

// memoryRoute is the source of targets in its process.
type memoryRoute struct {
	*Source
	memory  buffer
	limit   *memoryLimit
	targets []*memoryTarget

	// pool runs deliver, which is deliverTo, for each target.
	pool    *transport.Pool
	deliver func(i int)
	handoff *transport.Handoff
	// copied counts the targets that have still to copy the payload.
	copied sync.WaitGroup
	// away is how many bytes have moved to the last target.
	away int
}

var _ transport.Recycler = (*memoryRoute)(nil)

// Recycle moves pages back from where they have moved to.
func (r *memoryRoute) Recycle(size int64) error {
	if n := r.away; n > 0 {
		r.away = 0
		if err := r.targets[len(r.targets)-1].giveBack(&r.memory, n); err != nil {
			return fmt.Errorf("%s: %w", r.limit.name, err)
		}
	}
	return r.Source.Recycle(size)
}

func (r *memoryRoute) Prepare(spec payloads.Spec) error {
	return errors.Join(r.Recycle(spec.Size), r.Source.Prepare(spec))
}

func (r *memoryRoute) Rehearse(spec payloads.Spec) error {
	return errors.Join(r.Recycle(spec.Size), r.Source.Rehearse(spec))
}

func (r *memoryRoute) Send(handoff *transport.Handoff) error {
	if r.prepared == nil {
		return fmt.Errorf("%s: %w", r.limit.name, errNothing)
	}
	if r.away > 0 {
		if err := r.Recycle(int64(r.away)); err != nil {
			return err
		}
	}
	handoff.Resize(len(r.targets))
	r.handoff = handoff
	r.copied.Add(len(r.targets))
	if r.limit.moves {
		r.copied.Done() // for the last one
	}
	handoff.Start = measure.Now()
	r.pool.Run(r.deliver)
	return nil
}

func (r *memoryRoute) deliverTo(i int) {
	r.targets[i].take(r, r.limit.moves && i == len(r.targets)-1, &r.handoff.Deliveries[i])
}

func (r *memoryRoute) Close() error {
	r.pool.Close()
	return r.Source.Close()
}
