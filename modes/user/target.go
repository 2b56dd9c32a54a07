package user

import (
	"errors"
	"fmt"
	"sync"

	"rrbench/measure"
	"rrbench/modes"
	"rrbench/transport"
	"rrbench/transport/bulk"
	"rrbench/transport/pages"
)

// errTargetClosed is met by a hand-off to a target that was closed before it.
var errTargetClosed = errors.New("the target is closed")

// target is a function that routes of this process can reach.
type target struct {
	mode    *mode
	address string
	// lock lets one hand-off at a time into the function. It is free in a measured
	// interval unless several routes share a target.
	lock     sync.Mutex
	function *modes.Function
	// movable outlives the function.
	movable bool
}

// Endpoint tells of a target to which pages should move whether they can.
func (t *target) Endpoint() transport.Endpoint {
	endpoint := transport.Endpoint{Transport: t.mode.name, Address: t.address}
	if t.mode.moveFrom != never {
		endpoint.Facts = map[string]string{"pages": "move"}
		if !t.movable {
			endpoint.Facts["pages"] = "are copied, because the engine's memories cannot move"
		}
	}
	return endpoint
}

// Close waits for a hand-off under way, since neither engine can leave a guest half-way.
func (t *target) Close() error {
	targets.remove(t)
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.function == nil {
		return nil
	}
	function := t.function
	t.function = nil
	return function.Close()
}

// take receives a payload that lies at the host, as a view of the source's memory, and
// has the function consume it. There is nothing to transfer and nothing to decode, so
// everything until the handler is entered counts as copy_in. Whoever waits for copied may
// do away with the payload once it has been told; nil is nobody.
func (t *target) take(payload []byte, delivery *transport.Delivery, copied *sync.WaitGroup) {
	t.lock.Lock()
	defer t.lock.Unlock()
	region, err := t.allocate(uint32(len(payload)), pages.Alignment{})
	if err == nil {
		bulk.Copy(region.Bytes(), payload)
		delivery.Timeline.CopiedIn = measure.Now()
	}
	if copied != nil {
		copied.Done()
	}
	if err == nil {
		err = t.enter(region, delivery)
		err = t.release(region, err)
	}
	delivery.Err = err
}

// takePages receives a region of which the pages move. Their move counts as transfer, what
// must be copied and the rest count as copy_in.
func (t *target) takePages(source *modes.Region, m *mover, delivery *transport.Delivery) {
	t.lock.Lock()
	defer t.lock.Unlock()
	payload := source.Bytes()
	region, err := t.allocate(source.Len(), pages.AlignmentOf(payload))
	if err != nil {
		delivery.Err = err
		return
	}
	from, to := m.fill(region, payload, &delivery.Timeline)
	delivery.Timeline.CopiedIn = measure.Now()
	err = t.enter(region, delivery)
	m.retrieve(region, from, to, source.Prepared())
	delivery.Err = t.release(region, err)
	if to > from {
		m.sent(source, from, to)
	}
}

// allocate returns a region of n bytes, at an alignment unless that is zero.
func (t *target) allocate(n uint32, alignment pages.Alignment) (region *modes.Region, err error) {
	switch {
	case t.function == nil:
		return nil, fmt.Errorf("%s: %w", t.mode.name, errTargetClosed)
	case alignment == pages.Alignment{}:
		region, err = t.function.Allocate(n)
	default:
		region, err = t.function.AllocateAligned(n, alignment)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: allocate at the target: %w", t.mode.name, err)
	}
	return region, nil
}

// enter has the function consume a filled region.
func (t *target) enter(region *modes.Region, delivery *transport.Delivery) error {
	line := &delivery.Timeline
	line.Delivered = line.CopiedIn
	digest, err := t.function.Enter(region)
	line.Consumed = measure.Now()
	// The source runs in the same process: it knows when the handler returns.
	line.Acknowledged = line.Consumed
	delivery.Digest, delivery.Length = digest, uint64(region.Len())
	return err
}

// release ends the hand-off; err is how the handler failed.
func (t *target) release(region *modes.Region, err error) error {
	if released := t.function.Release(region); err == nil {
		err = released
	}
	if err != nil {
		return fmt.Errorf("%s: handle at the target: %w", t.mode.name, err)
	}
	return nil
}
