package user

import (
	"errors"
	"fmt"
	"sync"

	"rrbench/measure"
	"rrbench/modes"
	"rrbench/transport"
	"rrbench/transport/bulk"
)

// errTargetClosed is met by a hand-off to a target that was closed before it.
var errTargetClosed = errors.New(copyName + ": the target is closed")

// target is a function that routes of this process can reach.
type target struct {
	address string
	// lock lets one hand-off at a time into the function. It is free in a measured
	// interval unless several routes share a target.
	lock     sync.Mutex
	function *modes.Function
}

func (t *target) Endpoint() transport.Endpoint {
	return transport.Endpoint{Transport: copyName, Address: t.address}
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
// everything until the handler is entered counts as copy_in.
func (t *target) take(payload []byte, delivery *transport.Delivery) {
	t.lock.Lock()
	delivery.Err = t.takeLocked(payload, delivery)
	t.lock.Unlock()
}

func (t *target) takeLocked(payload []byte, delivery *transport.Delivery) error {
	if t.function == nil {
		return errTargetClosed
	}
	region, err := t.function.Allocate(uint32(len(payload)))
	if err != nil {
		return fmt.Errorf("%s: allocate at the target: %w", copyName, err)
	}
	bulk.Copy(region.Bytes(), payload)
	line := &delivery.Timeline
	line.CopiedIn = measure.Now()
	line.Delivered = line.CopiedIn
	digest, err := t.function.Enter(region)
	line.Consumed = measure.Now()
	// The source runs in the same process: it knows when the handler returns.
	line.Acknowledged = line.Consumed
	delivery.Digest, delivery.Length = digest, uint64(region.Len())
	if released := t.function.Release(region); err == nil {
		err = released
	}
	if err != nil {
		return fmt.Errorf("%s: handle at the target: %w", copyName, err)
	}
	return nil
}
