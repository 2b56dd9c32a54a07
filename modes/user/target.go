package user

import (
	"errors"
	"fmt"
	"sync"

	"rrbench/measure"
	"rrbench/memory"
	"rrbench/modes"
	"rrbench/modes/kernel"
	"rrbench/transport"
	"rrbench/transport/stream"
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
	// movable outlives the function, and so does windowless, which says why it has no window.
	movable    bool
	windowless string
	// local is what routes make receivers of for payloads that are shared; nil where none are.
	local *kernel.LocalTarget

	// Of a hand-off under way: the region of a payload that was copied, or by what it was
	// borrowed, and what became of what was borrowed.
	region   *modes.Region
	borrowed *kernel.LocalTarget
	held     bool
	released uint64
}

// targets are the functions that this process serves.
var targets transport.Local[target]

func newTarget(m *mode, function *modes.Function) *target {
	t := &target{mode: m, function: function, movable: function.Movable()}
	if err := function.Windowless(); err != nil {
		t.windowless = err.Error()
	}
	if !m.copies() && t.movable {
		t.local = kernel.NewLocalTarget(function)
	}
	t.address = targets.Add(t)
	return t
}

// Endpoint has a fact about how pages get to the target, if payloads should go by reference.
func (t *target) Endpoint() transport.Endpoint {
	endpoint := transport.Endpoint{Transport: t.mode.name, Address: t.address}
	if t.mode.copies() {
		return endpoint
	}
	pages := "move"
	switch windowless := error(nil); {
	case !t.movable:
		pages = "are copied, because the engine's memories cannot move"
	case t.mode.shares && (t.windowless == "" || !t.mode.moves):
		if t.windowless != "" {
			windowless = errors.New(t.windowless)
		}
		pages = kernel.Pages(windowless)
	case t.windowless != "":
		pages = fmt.Sprintf("move in blocks of %d bytes, the rest is copied, because there is no window: %s", memory.Block, t.windowless)
	}
	endpoint.Facts = map[string]string{"pages": pages}
	return endpoint
}

// Close waits for a hand-off under way, since neither engine can leave a guest half-way.
func (t *target) Close() error {
	targets.Remove(t.address)
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.function == nil {
		return nil
	}
	function := t.function
	t.function = nil
	err := function.Close()
	if t.local != nil {
		err = errors.Join(err, t.local.Close())
	}
	return err
}

// hide removes the pages of a source from the function's window, before the guest runs with what another
// source has sent.
func (t *target) hide() error {
	if t.local == nil {
		return nil
	}
	if err := t.local.Hide(); err != nil {
		return fmt.Errorf("%s: hide what another source has sent from the target: %w", t.mode.name, err)
	}
	return nil
}

// take receives a payload that lies at the host, as a view of the source's memory, and
// has the function consume it. There is nothing to transfer and nothing to decode, so
// everything until the handler is entered counts as copy_in. alone: the function's window may go on
// showing what it shows.
func (t *target) take(payload []byte, alone bool, delivery *transport.Delivery) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.place(payload, alone, delivery)
	t.consume(delivery)
}

// place is the first half of take.
func (t *target) place(payload []byte, alone bool, delivery *transport.Delivery) {
	if !alone {
		if delivery.Err = t.hide(); delivery.Err != nil {
			return
		}
	}
	region, err := t.allocate(uint32(len(payload)), memory.Alignment{})
	if err != nil {
		delivery.Err = err
		return
	}
	memory.Copy(region.Bytes(), payload)
	t.arrived(region.Len(), delivery)
	t.region = region
}

// borrow is the first half of receiving what is shared: the pages come to be in place, and the rest is
// copied, which is the transfer.
func (t *target) borrow(by *kernel.LocalTarget, n uint32, reference stream.Reference, delivery *transport.Delivery) {
	if t.function == nil {
		delivery.Err = fmt.Errorf("%s: %w", t.mode.name, errTargetClosed)
		return
	}
	if err := by.Resolve(uint64(n), reference); err != nil {
		delivery.Err = fmt.Errorf("%s: share at the target: %w", t.mode.name, err)
		return
	}
	t.arrived(n, delivery)
	delivery.Timeline.Received = delivery.Timeline.CopiedIn
	t.borrowed = by
}

// arrived: n bytes are in the function's memory, and its handler is about to be entered.
func (t *target) arrived(n uint32, delivery *transport.Delivery) {
	delivery.Length = uint64(n)
	delivery.Timeline.CopiedIn = measure.Now()
	delivery.Timeline.Delivered = delivery.Timeline.CopiedIn
}

// consume is the second half, if the first has succeeded.
func (t *target) consume(delivery *transport.Delivery) {
	switch {
	case t.region != nil:
		region := t.region
		t.region = nil
		err := t.enter(region, delivery)
		delivery.Err = t.release(region, err)
	case t.borrowed != nil:
		// The payload has been here for a while where others' handlers had the processors.
		by := t.borrowed
		t.borrowed = nil
		err := by.Consume(delivery)
		t.consumed(delivery)
		if released := by.Release(); err == nil {
			err = released
		}
		t.held, t.released = by.Holds()
		delivery.Err = t.explain(err)
	}
}

// takePages receives a region of which the pages move. Their move counts as transfer, what
// must be copied and the rest count as copy_in.
func (t *target) takePages(source *modes.Region, m *mover, delivery *transport.Delivery) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if delivery.Err = t.hide(); delivery.Err != nil {
		return
	}
	region, err := t.allocateLike(source)
	if err != nil {
		delivery.Err = err
		return
	}
	first, end := m.fill(region, source, &delivery.Timeline)
	t.arrived(source.Len(), delivery)
	err = t.enter(region, delivery)
	if m.retrieve(lent{source, region, first, end, t}) {
		delivery.Err = t.release(region, err)
	} else {
		delivery.Err = t.explain(err)
	}
}

// allocateLike returns a region to which the pages of another can move, if the guest has one.
func (t *target) allocateLike(source *modes.Region) (*modes.Region, error) {
	if source.Window() == nil {
		return t.allocate(source.Len(), memory.AlignmentOf(source.Bytes()))
	}
	if t.function != nil {
		if region := t.function.AllocateInWindow(source.Len()); region != nil {
			return region, nil
		}
	}
	// Another payload is in the window.
	return t.allocate(source.Len(), memory.Alignment{})
}

// allocate returns a region of n bytes, at an alignment unless that is zero.
func (t *target) allocate(n uint32, alignment memory.Alignment) (region *modes.Region, err error) {
	switch {
	case t.function == nil:
		return nil, fmt.Errorf("%s: %w", t.mode.name, errTargetClosed)
	case alignment == memory.Alignment{}:
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
	var err error
	delivery.Digest, err = t.function.Enter(region)
	t.consumed(delivery)
	return err
}

// consumed: the handler has returned. The source runs in the same process and knows.
func (t *target) consumed(delivery *transport.Delivery) {
	line := &delivery.Timeline
	line.Consumed = measure.Now()
	line.Acknowledged = line.Consumed
}

// release ends the hand-off; err is how the handler failed.
func (t *target) release(region *modes.Region, err error) error {
	if released := t.function.Release(region); err == nil {
		err = released
	}
	return t.explain(err)
}

func (t *target) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: handle at the target: %w", t.mode.name, err)
}
