package modes

import (
	"sync"

	"rrbench/engines"
	"rrbench/measure"
)

// DirectCallLimit is the payload size in bytes up to which calls are direct: above it the
// copy takes the time, and package memory has a better one.
const DirectCallLimit = 16 << 10

// DirectCall hands small payloads over from a source to one target on the same engine, where
// that can take them through both guests by itself (engines.DirectCaller): the source's
// guest asks for the transfer, the payload is copied, the target's handler reads it, and
// no Go code runs in between. What the guests see of it is what they see of any hand-off.
//
// It is for the region that Prepare has had filled and that Send sends, and for a target that has
// an idle region of its length. All else goes through the source's Sender.
type DirectCall struct {
	source, target *Function
	call           engines.DirectCall
	// skew is what measure.Now is ahead of the engine's clock.
	skew   int64
	answer engines.Answer
	// region is the target's while a payload is under way, and yield what is to be done when
	// the source's guest asks for something else first.
	region *Region
	yield  func()
}

// DirectResult is what became of a payload. The moments are those of measure.Now.
type DirectResult struct {
	// Copied: the payload is in the target's memory, and its handler about to be entered.
	// Consumed: the handler has returned.
	Copied, Consumed int64
	Digest           uint64
	Length           uint32
	// Err says how the target failed.
	Err error
}

// NewDirectCall returns nil where the engine has no direct calls. yield is called by Send.
func NewDirectCall(source, target *Function, yield func()) *DirectCall {
	from, ok := source.sendExport.function.(engines.DirectCaller)
	if !ok || source.sender == nil {
		return nil
	}
	call := from.DirectCall(hostModule, sendName, target.handleExport.function)
	if call == nil {
		return nil
	}
	return &DirectCall{source: source, target: target, call: call, skew: clockSkew(call), yield: yield}
}

// Fits says whether the next Send finds what it needs. The caller keeps both functions to
// itself until that has returned or has called yield.
func (d *DirectCall) Fits() bool {
	prepared, idle := d.source.prepared, d.target.idle
	return d.source.filled && idle != nil && prepared.length <= DirectCallLimit && idle.blockLength == prepared.length &&
		d.source.broken == nil && d.target.broken == nil
}

// Send is Function.Send of the source, with the target's Allocate, Enter and Release in it. It must
// be preceded by Fits. If the source's guest calls its host for anything else before it asks
// for this transfer, the target is given back untouched, yield is called, and what follows
// goes through the source's Sender: false is returned then, with the error of the source's
// Send. True comes with the result, and the error if it is not the target's.
func (d *DirectCall) Send(result *DirectResult) (called bool, err error) {
	f, prepared := d.source, d.source.prepared
	into, err := d.target.Allocate(prepared.length)
	if err != nil {
		return true, err
	}
	into.handled, into.handling = true, true
	d.region = into
	f.direct = d
	f.begin()
	status, err := d.call.Call(prepared.pointer, prepared.length, into.pointer, uint32(failedStatus), &d.answer)
	f.direct, f.sending = nil, false
	if err != nil {
		err = f.fail(err)
	}
	if !d.call.Answered() {
		d.giveBack()
		return false, f.sendResult(prepared, status, err)
	}
	d.region = nil
	into.handling = false
	f.sent = true
	result.Copied, result.Consumed, result.Digest = d.answer.Copied+d.skew, d.answer.Returned+d.skew, d.answer.Result
	result.Length, result.Err = into.length, nil
	if d.answer.Err != nil {
		result.Err = d.target.fail(d.answer.Err)
		f.sendErr = ErrDelivery
	}
	if released := d.target.Release(into); result.Err == nil {
		result.Err = released
	}
	return true, f.sendResult(prepared, status, err)
}

// failedStatus is TransferFailed as the guest reads it.
const failedStatus = 1<<32 + int64(TransferFailed)

// interrupted is called for every call of the host while the source's guest runs: true when the
// transfer has taken place. Until it has, the first call of the host ends the direct call.
func (d *DirectCall) interrupted() (sent bool) {
	if d.call.Answered() {
		return true
	}
	d.giveBack()
	return false
}

// giveBack ends the use of the target.
func (d *DirectCall) giveBack() {
	region := d.region
	if region == nil {
		return
	}
	d.region = nil
	d.call.Cancel()
	region.handled, region.handling = false, false
	// It was idle before, and is again.
	_ = d.target.Release(region)
	d.yield()
}

var skew struct {
	once sync.Once
	ns   int64
}

// clockSkew compares two readings of one clock, which differ by what package measure does
// not know exactly about its epoch. Each try bounds the difference on both sides.
func clockSkew(call engines.DirectCall) int64 {
	skew.once.Do(func() {
		lower, upper := int64(-1<<62), int64(1<<62)
		for range 1000 {
			before := measure.Now()
			there := call.Clock()
			after := measure.Now()
			lower, upper = max(lower, before-there), min(upper, after-there)
		}
		skew.ns = lower + (upper-lower)/2
	})
	return skew.ns
}
