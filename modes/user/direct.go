package user

import (
	"fmt"

	"rrbench/modes"
)

// directCall hands small payloads over to the only target of a route without running Go code in
// between, where the engine can. nil never does.
type directCall struct {
	target   *target
	function *modes.Function
	call     *modes.DirectCall
	result   modes.DirectResult
	// locked: the target's lock is held.
	locked bool
}

func newDirectCall(source *modes.Function, t *target) *directCall {
	t.lock.Lock()
	defer t.lock.Unlock()
	c := &directCall{target: t, function: t.function}
	if t.function == nil {
		return nil
	}
	if c.call = modes.NewDirectCall(source, t.function, c.unlock); c.call == nil {
		return nil
	}
	return c
}

// send hands over what r has under way. false is for the source to be asked to send as
// usual; otherwise the error is that of the source's Send.
func (c *directCall) send(r *route) (taken bool, err error) {
	if c == nil || r.mover.plan.by != copying {
		return false, nil
	}
	c.target.lock.Lock()
	c.locked = true
	defer c.unlock()
	if c.target.function != c.function || !c.call.Fits() || !r.alone(r.source.Prepared()) && c.target.hide() != nil {
		return false, nil
	}
	called, err := c.call.Send(&c.result)
	if called {
		c.deliver(r)
	}
	return true, err
}

// deliver fills the delivery in. What belongs to no other phase counts as copy_in, as in
// target.take.
func (c *directCall) deliver(r *route) {
	delivery := &r.handoff.Deliveries[0]
	line, start := &delivery.Timeline, r.handoff.Start
	line.Start, line.Serialized, line.CopiedOut, line.Received = start, start, start, start
	// Both clocks are read to a few nanoseconds; a phase is not less than nothing.
	line.CopiedIn = max(start, c.result.Copied)
	line.Delivered = line.CopiedIn
	line.Consumed = max(line.CopiedIn, c.result.Consumed)
	line.Acknowledged = line.Consumed
	delivery.Digest, delivery.Length = c.result.Digest, uint64(c.result.Length)
	if c.result.Err != nil {
		delivery.Err = fmt.Errorf("%s: handle at the target: %w", c.target.mode.name, c.result.Err)
	}
}

// unlock lets others use the target.
func (c *directCall) unlock() {
	if c.locked {
		c.locked = false
		c.target.lock.Unlock()
	}
}
