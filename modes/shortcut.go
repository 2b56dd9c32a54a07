package modes

import (
	"sync"

	"rrbench/engines"
	"rrbench/measure"
)

// ShortcutLimit is the payload size in bytes up to which a shortcut is taken: above it the
// copy takes the time, and package memory has a better one.
const ShortcutLimit = 16 << 10

// Shortcut is the way of small payloads from a source to one target on the same engine,
// where that can take them through both guests by itself (engines.Relayer): the source's
// guest asks for the transfer, the payload is copied, the target's handler reads it, and
// no Go code runs in between. What the guests see of it is what they see of any hand-off.
//
// It is for the region that Prepare filled and that Send sends, and for a target that has
// an idle region of its length. All else goes the long way.
type Shortcut struct {
	source, target *Function
	relay          engines.Relay
	// skew is what measure.Now is ahead of the relay's clock.
	skew   int64
	answer engines.Answer
	// region is the target's while a payload is under way, and yield what is to be done when
	// the source's guest asks for something else first.
	region *Region
	yield  func()
}

// Passage is what became of a payload on the shortcut. The moments are those of
// measure.Now.
type Passage struct {
	// Copied: the payload is in the target's memory, and its handler about to be entered.
	// Consumed: the handler has returned.
	Copied, Consumed int64
	Digest           uint64
	// Err says how the target failed.
	Err error
}

// NewShortcut returns nil where there is none. yield is called by Send.
func NewShortcut(source, target *Function, yield func()) *Shortcut {
	from, ok := source.sendExport.function.(engines.Relayer)
	if !ok || source.sender == nil {
		return nil
	}
	relay := from.Relay(hostModule, sendName, target.handleExport.function)
	if relay == nil {
		return nil
	}
	return &Shortcut{source: source, target: target, relay: relay, skew: relaySkew(relay), yield: yield}
}

// Fits says whether the next Send finds what it needs. The caller keeps both functions to
// itself until that has returned or has called yield.
func (s *Shortcut) Fits() bool {
	prepared, idle := s.source.prepared, s.target.idle
	return prepared != nil && idle != nil && prepared.length <= ShortcutLimit && idle.blockLength == prepared.length &&
		s.source.broken == nil && s.target.broken == nil
}

// Send is Function.Send of the source, with the target's Allocate and Handle in it. It must
// be preceded by Fits. If the source's guest calls its host for anything else before it asks
// for this transfer, the target is given back untouched, yield is called, and what follows
// goes through the source's Sender: false is returned then, with the error of the source's
// Send. True comes with the passage, and the error if it is not the target's.
func (s *Shortcut) Send(passage *Passage) (passed bool, err error) {
	f, prepared := s.source, s.source.prepared
	into, err := s.target.Allocate(prepared.length)
	if err != nil {
		return true, err
	}
	into.handled, into.handling = true, true
	s.region = into
	f.shortcut, f.sending, f.sent, f.sendErr = s, true, false, nil
	status, err := s.relay.Call(prepared.pointer, prepared.length, into.pointer, uint32(failedStatus), &s.answer)
	f.shortcut, f.sending = nil, false
	if err != nil {
		err = f.fail(err)
	}
	if !s.relay.Answered() {
		s.giveBack()
		return false, f.sendResult(prepared, status, err)
	}
	s.region = nil
	into.handling = false
	f.sent = true
	passage.Copied, passage.Consumed, passage.Digest = s.answer.Copied+s.skew, s.answer.Returned+s.skew, s.answer.Result
	passage.Err = nil
	if s.answer.Err != nil {
		passage.Err = s.target.fail(s.answer.Err)
		f.sendErr = ErrDelivery
	}
	if released := s.target.Release(into); passage.Err == nil {
		passage.Err = released
	}
	return true, f.sendResult(prepared, status, err)
}

// failedStatus is TransferFailed as the guest reads it.
const failedStatus = 1<<32 + int64(TransferFailed)

// overtaken is told of every call of the host while the source's guest runs: true when the
// transfer has taken place. Until it has, the first call ends the shortcut.
func (s *Shortcut) overtaken() (sent bool) {
	if s.relay.Answered() {
		return true
	}
	s.giveBack()
	return false
}

// giveBack ends the use of the target.
func (s *Shortcut) giveBack() {
	region := s.region
	if region == nil {
		return
	}
	s.region = nil
	s.relay.Cancel()
	region.handled, region.handling = false, false
	// It was idle before, and is again.
	_ = s.target.Release(region)
	s.yield()
}

var skew struct {
	once sync.Once
	ns   int64
}

// relaySkew compares two readings of one clock, which differ by what package measure does
// not know exactly about its epoch. Each try bounds the difference on both sides.
func relaySkew(relay engines.Relay) int64 {
	skew.once.Do(func() {
		lower, upper := int64(-1<<62), int64(1<<62)
		for range 1000 {
			before := measure.Now()
			there := relay.Clock()
			after := measure.Now()
			lower, upper = max(lower, before-there), min(upper, after-there)
		}
		skew.ns = lower + (upper-lower)/2
	})
	return skew.ns
}
