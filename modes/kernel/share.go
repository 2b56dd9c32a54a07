package kernel

import (
	"sync/atomic"

	"rrbench/modes"
	"rrbench/transport/stream"
)

// LocalSource is the source of kernel/memfd without a socket: for targets in its own process
// that get a payload all at once.
type LocalSource struct{ *choosing }

// NewLocalSource has payloads that a function prepares, of at least from bytes, lie in a memory
// file. It returns nil where there are no such files.
func NewLocalSource(source *modes.Function, from int64) *LocalSource {
	if probeMapping() != nil {
		return nil
	}
	l := &LocalSource{choose(from)}
	l.From.(*memfd).exact = true // functions that share a payload have no windows
	lend(source, l.choosing)
	return l
}

// Refer returns where the LocalTargets find a payload; false when its bytes are to be copied.
func (l *LocalSource) Refer(region *modes.Region, payload []byte) (stream.Reference, bool) {
	reference, ok, _ := l.choosing.Refer(region, payload) // it refers, or does not
	return reference, ok
}

// LocalTarget is a target of LocalSources.
type LocalTarget struct{ resolver }

// NewLocalTarget returns nil where there are no memory files.
func NewLocalTarget(target *modes.Function) *LocalTarget {
	if probeMapping() != nil {
		return nil
	}
	// Other targets of the process have page faults, too.
	b := &LocalTarget{resolver{function: target, keeping: new(keeping), views: newViews(target), faultsElsewhere: true}}
	target.SetLender(b)
	return b
}

// lastID is that of the buffer made last in this process: targets of several sources tell
// buffers apart by it.
var lastID atomic.Uint64
