package kernel

import (
	"sync/atomic"

	"rrbench/modes"
	"rrbench/transport/stream"
)

// Lender is the source of kernel/memfd without a socket: for targets in its own process
// that get a payload all at once.
type Lender struct{ *choosing }

// NewLender has payloads that a function prepares, of at least from bytes, lie in a memory
// file. It returns nil where there are no such files.
func NewLender(source *modes.Function, from int64) *Lender {
	if probeMapping() != nil {
		return nil
	}
	l := &Lender{choose(from)}
	l.From.(*memfd).exact = true // functions that share a payload have no windows
	lend(source, l.choosing)
	return l
}

// Refer returns where the Borrowers find a payload; false when its bytes are to be copied.
func (l *Lender) Refer(region *modes.Region, payload []byte) (stream.Reference, bool) {
	reference, ok, _ := l.choosing.Refer(region, payload) // it refers, or does not
	return reference, ok
}

// Borrower is a target of Lenders.
type Borrower struct{ resolver }

// NewBorrower returns nil where there are no memory files.
func NewBorrower(target *modes.Function) *Borrower {
	if probeMapping() != nil {
		return nil
	}
	// Other targets of the process have page faults, too.
	b := &Borrower{resolver{function: target, keeping: new(keeping), views: newViews(target), faultsElsewhere: true}}
	target.SetLender(b)
	return b
}

// Borrow makes a payload of n bytes that a Lender of this process refers to usable where
// Consume will find it. Release and Holds must follow unless there is an error.
func (b *Borrower) Borrow(n uint32, reference stream.Reference) error {
	return b.Resolve(uint64(n), reference)
}

// lastID is that of the buffer made last in this process: targets of several sources tell
// buffers apart by it.
var lastID atomic.Uint64
