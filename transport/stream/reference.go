package stream

import (
	"context"
	"errors"
)

// Reference leads a target to a payload whose bytes do not travel through the socket.
type Reference struct {
	// ID names what is referred to in Resolver.Holds and Fan.TakeReleased. It is not zero,
	// and not used for anything else as long as a target may hold it.
	ID uint64
	// Descriptor is an open file that travels along (SCM_RIGHTS, unix(7)), or -1. The
	// sender keeps its own; at the receiver it is open until Resolve returns.
	Descriptor int
	// Locator is what the receiver needs to know, at most LocatorLimit bytes. At the
	// receiver it is valid until Resolve returns.
	Locator []byte
	// Process is set at the receiver: the process at the other end of the Unix socket when
	// it was connected (SO_PEERCRED, unix(7)), as this process' namespace numbers it.
	Process int
	// Withdrawn is set at the receiver. It says whether the source has closed the connection:
	// then it may have gone on to write to what the reference leads to.
	Withdrawn func() bool
	// Then is set at the sender, or nil. It is called when all targets have been sent the
	// reference and before the first acknowledgement is awaited; where it fails, so do all
	// deliveries, and the connections are closed.
	Then func() error
	// Unknown is set at the sender, or nil. It is called when a target was sent the bytes instead: it
	// may not have what earlier references of this ID have brought.
	Unknown func()
}

// LocatorLimit is room for what is left of two pages of 64 KiB, and a little more.
const LocatorLimit = 132 << 10

// Resolver is a Receiver that also finds payloads by reference. Resolve takes the place of
// Place, the other calls are as for Receiver.
type Resolver interface {
	Receiver
	// Resolve makes a payload of n bytes, n > 0, usable where Consume will find it. After an
	// error there is nothing to release. ErrSendBytes asks for the payload itself.
	Resolve(n uint64, reference Reference) error
	// Holds is asked after Release: whether the memory of the payload just released is still
	// in use here, so that its source must not write to it, and the ID of a payload held
	// earlier that no longer is, or zero; each such ID is reported once.
	Holds() (held bool, released uint64)
	// Disconnected is called when the connection has ended that references came from.
	Disconnected()
}

// Preparer is a Resolver that is prepared before its first payload: it gets what all references
// of a connection have in common. What takes time once, such as connecting to a server, lies
// outside of the hand-offs then.
type Preparer interface {
	Resolver
	// Prepare is called before any other method, once a connection. When the context ends the
	// target is being closed, and so should be what Prepare or Resolve wait for. What it made
	// is for Disconnected to end, after an error, too.
	Prepare(ctx context.Context, preparation []byte) error
}

// ErrSendBytes is what a Resolver's error wraps when it cannot follow a reference now, but
// could take the payload's bytes through the socket.
var ErrSendBytes = errors.New("send the payload's bytes instead")
