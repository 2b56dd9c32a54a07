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
	name    string
	address string

	size   int64
	writes bool

	mutex  sync.Mutex
	memory buffer
	closed bool
}

func (m *memoryLimit) Serve(_ context.Context, setup transport.Setup) (transport.Target, error) {
	if err := transport.CheckPlain(m.name, setup.Codec); err != nil {
		return nil, err
	}
	t := &memoryTarget{name: m.name, size: max(setup.Size, 1), writes: setup.Consume == transport.ConsumeWrite}
	t.memory.window = m.windows
	if _, err := t.memory.take(max(setup.Size, 1)); err != nil {
		return nil, fmt.Errorf("%s: target: %w", m.name, err)
	}
	t.address = memoryTargets.Add(t)
	return t, nil
}

func (t *memoryTarget) Endpoint() transport.Endpoint {
	return transport.Endpoint{Transport: t.name, Address: t.address}
}

func (t *memoryTarget) Close() error {
	memoryTargets.Remove(t.address)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.closed = true
	return t.memory.free()
}

// take copies the payload and digests it. As in user mode, everything until the handler
// would be entered is copy_in. The payload may go once
// copied is done.
func (t *memoryTarget) take(payload []byte, start int64, d *transport.Delivery, copied *sync.WaitGroup) {
	t.mutex.Lock() // free but for Close
	defer t.mutex.Unlock()
	d.Err = t.ready(len(payload), start, d)
	if d.Err == nil {
		memory.Copy(t.memory.area, payload)
		d.Timeline.CopiedIn = measure.Now()
	}
	copied.Done()
	if d.Err == nil {
		t.consume(len(payload), d)
	}
}

// takePages has the first n bytes' pages move here and digests them; true when they have moved.
func (t *memoryTarget) takePages(from *buffer, n int, start int64, d *transport.Delivery) bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if d.Err = t.ready(n, start, d); d.Err != nil {
		return false
	}
	if d.Err = memory.Move(t.memory.pages(n), from.pages(n)); d.Err != nil {
		return false
	}
	d.Timeline.Received = measure.Now()
	d.Timeline.CopiedIn = d.Timeline.Received
	t.consume(n, d)
	return true
}

// giveBack has the pages move back, unless they are gone with the target's memory.
func (t *memoryTarget) giveBack(to *buffer, n int) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.closed {
		return nil
	}
	return memory.Move(to.pages(n), t.memory.pages(n))
}

// ready begins a delivery of n bytes.
func (t *memoryTarget) ready(n int, start int64, d *transport.Delivery) error {
	*d = transport.Delivery{Timeline: transport.Timeline{Start: start, Serialized: start, CopiedOut: start, Received: start}}
	if t.closed {
		return errors.New(t.name + ": the target is closed")
	}
	if int64(n) > t.size {
		return fmt.Errorf("%s: payload of %d bytes is longer than the %d bytes agreed on", t.name, n, t.size)
	}
	return nil
}

// consume stands for the handler.
func (t *memoryTarget) consume(n int, d *transport.Delivery) {
	d.Timeline.Delivered = d.Timeline.CopiedIn
	d.Digest = handle(t.memory.area[:n], t.writes)
	d.Length = uint64(n)
	d.Timeline.Consumed = measure.Now()
	d.Timeline.Acknowledged = d.Timeline.Consumed
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
	// copied counts the targets that still need the source's pages.
	copied sync.WaitGroup
	// away is how many bytes have moved to the last target.
	away int
}

var _ transport.Recycler = (*memoryRoute)(nil)

// Recycle has pages move back from where they have moved to.
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
	handoff.Start = measure.Now()
	r.pool.Run(r.deliver)
	return nil
}

func (r *memoryRoute) deliverTo(i int) {
	t, start, d := r.targets[i], r.handoff.Start, &r.handoff.Deliveries[i]
	if !r.limit.moves || i < len(r.targets)-1 {
		t.take(r.prepared, start, d, &r.copied)
		return
	}
	r.copied.Done()
	r.copied.Wait()
	if t.takePages(&r.memory, len(r.prepared), start, d) {
		r.away = len(r.prepared)
	}
}

func (r *memoryRoute) Close() error {
	r.pool.Close()
	return r.Source.Close()
}
