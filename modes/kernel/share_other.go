//go:build !linux

package kernel

import (
	"rrbench/modes"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// Lender needs Linux: there is none.
type Lender struct{}

func NewLender(*modes.Function, int64) *Lender { return nil }

func (*Lender) Refer(*modes.Region, []byte) (stream.Reference, bool) {
	return stream.Reference{}, false
}
func (*Lender) Settle(*modes.Region, []byte, int) error { return nil }
func (*Lender) Released([]uint64)                       {}
func (*Lender) Close() error                            { return nil }

// Borrower needs Linux: there is none.
type Borrower struct{}

func NewBorrower(*modes.Function) *Borrower { return nil }

func (*Borrower) Borrow(uint32, stream.Reference) error { return errNeedsLinux }
func (*Borrower) Consume(*transport.Delivery) error     { return errNeedsLinux }
func (*Borrower) Release() error                        { return nil }
func (*Borrower) Holds() (held bool, released uint64)   { return false, 0 }
func (*Borrower) Disconnected()                         {}
func (*Borrower) Close() error                          { return nil }
