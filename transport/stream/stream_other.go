//go:build !linux

package stream

import (
	"context"
	"errors"

	"rrbench/transport"
)

var errNeedsLinux = errors.New("stream sockets between shims need Linux")

// Listener needs Linux.
type Listener struct{}

// ListenUnix needs Linux.
func ListenUnix() (*Listener, error) { return nil, errNeedsLinux }

// ListenTCP needs Linux.
func ListenTCP(string) (*Listener, error) { return nil, errNeedsLinux }

// Endpoint needs Linux.
func (*Listener) Endpoint(string) transport.Endpoint { return transport.Endpoint{} }

// Serve needs Linux.
func (*Listener) Serve(Service) {}

// Close needs Linux.
func (*Listener) Close() error { return nil }

// Fan needs Linux.
type Fan struct{}

// OpenFan needs Linux.
func OpenFan(context.Context, []transport.Endpoint, FanOptions) (*Fan, error) {
	return nil, errNeedsLinux
}

// Send needs Linux.
func (*Fan) Send([]byte, *transport.Handoff) int { return 0 }

// Refer needs Linux.
func (*Fan) Refer(Reference, []byte, *transport.Handoff) int { return 0 }

// TakeReleased needs Linux.
func (*Fan) TakeReleased() []uint64 { return nil }

// Processes needs Linux.
func (*Fan) Processes() []int { return nil }

// Close needs Linux.
func (*Fan) Close() error { return nil }

// NewCopying needs Linux.
func NewCopying() (Writer, error) { return nil, errNeedsLinux }
