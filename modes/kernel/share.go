package kernel

import (
	"runtime"
	"slices"
	"sync/atomic"

	"rrbench/measure"
	"rrbench/memory"
	"rrbench/modes"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// LocalSource is the source of kernel/memfd without a socket: for targets in its own process.
type LocalSource struct {
	memfd
	lends bool
}

// NewLocalSource has payloads that a function prepares lie in memory files, as Lend says: windows, or,
// for functions that have none, whole pages. It returns nil where there are no such files.
func NewLocalSource(source *modes.Function, windows bool) *LocalSource {
	if probeMapping() != nil || windows && memory.CanMapWindows() != nil {
		return nil
	}
	l := &LocalSource{memfd: memfd{exact: !windows}}
	lend(source, l)
	return l
}

// Lend sets whether the payload that is prepared next is to be referred to.
func (l *LocalSource) Lend(lend bool) { l.lends = lend }

// BeforeFill implements modes.Lender.
func (l *LocalSource) BeforeFill(region *modes.Region) { l.prepare(region, l.lends) }

// Withdraw has the source's memory consist of nothing but pages of its own. After an error it may still show a
// file, until the next payload is prepared.
func (l *LocalSource) Withdraw() error { return l.withdraw() }

// Lent says whether a region consists of a memory file's pages.
func (l *LocalSource) Lent(region *modes.Region) bool { return l.buffer != nil && region == l.region }

// Refer returns where the LocalTargets find a payload; false when its bytes are to be copied.
func (l *LocalSource) Refer(region *modes.Region, payload []byte) (stream.Reference, bool) {
	reference, ok, _ := l.memfd.Refer(region, payload) // it refers, or does not
	return reference, ok
}

// LocalTarget is a target of one LocalSource.
type LocalTarget struct{ *resolver }

// NewLocalTarget returns nil where there are no memory files.
func NewLocalTarget(target *modes.Function) *LocalTarget {
	if probeMapping() != nil {
		return nil
	}
	// Other targets of the process have page faults, too.
	b := &LocalTarget{&resolver{function: target, keeping: new(keeping), views: newViews(target), countsItself: true}}
	target.SetLender(b)
	return b
}

// ForSource returns the target of one source more, of the same function.
func (l *LocalTarget) ForSource() *LocalTarget { return &LocalTarget{l.resolver.another()} }

// Consume runs the handler with what Resolve has put into the function's memory. One thread does, whose
// page faults are counted.
func (l *LocalTarget) Consume(delivery *transport.Delivery) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := measure.ThreadFaults()
	delivery.Timeline.Delivered = measure.Now()
	err := l.resolver.Consume(delivery)
	l.faults = measure.ThreadFaults() - before
	return err
}

// Writes says that the guest writes to much of what it gets, each page of which is copied then.
func (l *LocalTarget) Writes() bool { return l.writing.left > 0 }

// Hide removes a source's pages from the function's window, before the guest runs with other payloads.
// After an error the guest must not run.
func (l *LocalTarget) Hide() error { return l.views.hide() }

// Shows says that the function's window shows a file of this one's source.
func (l *LocalTarget) Shows() bool { return slices.Contains(l.views.all, l.views.shown) }

// lastID is that of the buffer made last in this process: targets of several sources distinguish
// buffers by it.
var lastID atomic.Uint64
