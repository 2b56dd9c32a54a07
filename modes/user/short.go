package user

import (
	"fmt"

	"rrbench/modes"
)

// short takes small payloads to the only target of a route without a detour through Go,
// where the engine can. nil is never able to.
type short struct {
	target   *target
	function *modes.Function
	way      *modes.Shortcut
	passage  modes.Passage
	// locked: the target's lock is held.
	locked bool
}

func newShort(source *modes.Function, t *target) *short {
	t.lock.Lock()
	defer t.lock.Unlock()
	s := &short{target: t, function: t.function}
	if t.function == nil {
		return nil
	}
	if s.way = modes.NewShortcut(source, t.function, s.unlock); s.way == nil {
		return nil
	}
	return s
}

// send hands over what r has under way. false is for the source to be asked to send as
// usual; otherwise the error is that of the source's Send.
func (s *short) send(r *route) (taken bool, err error) {
	if s == nil || r.mover.plan.moves {
		return false, nil
	}
	s.target.lock.Lock()
	s.locked = true
	defer s.unlock()
	if s.target.function != s.function || !s.way.Fits() {
		return false, nil
	}
	passed, err := s.way.Send(&s.passage)
	if passed {
		s.deliver(r)
	}
	return true, err
}

// deliver tells of the passage. What is nobody's phase counts as copy_in, as in
// target.take.
func (s *short) deliver(r *route) {
	delivery := &r.handoff.Deliveries[0]
	line, start := &delivery.Timeline, r.handoff.Start
	line.Start, line.Serialized, line.CopiedOut, line.Received = start, start, start, start
	// Both clocks are read to a few nanoseconds; a phase is not less than nothing.
	line.CopiedIn = max(start, s.passage.Copied)
	line.Delivered = line.CopiedIn
	line.Consumed = max(line.CopiedIn, s.passage.Consumed)
	line.Acknowledged = line.Consumed
	delivery.Digest, delivery.Length = s.passage.Digest, uint64(r.source.Prepared().Len())
	if s.passage.Err != nil {
		delivery.Err = fmt.Errorf("%s: handle at the target: %w", s.target.mode.name, s.passage.Err)
	}
}

// unlock lets others use the target.
func (s *short) unlock() {
	if s.locked {
		s.locked = false
		s.target.lock.Unlock()
	}
}
