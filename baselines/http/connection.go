package http

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"

	"rrbench/transport"
)

// dial makes a tuned connection for the client.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	connection, err := connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if err := tune(connection); err != nil {
		_ = connection.Close()
		return nil, fmt.Errorf("prepare a connection to %s: %w", address, err)
	}
	return wholeWriter{connection}, nil
}

// wholeWriter is a connection that writes a body as a whole. net/http copies a body of
// known length through an io.LimitedReader and memory of its own, in pieces of 32 KiB,
// but offers it to a connection that can read for itself first.
type wholeWriter struct{ *net.TCPConn }

func (c wholeWriter) ReadFrom(r io.Reader) (int64, error) {
	if limited, ok := r.(*io.LimitedReader); ok {
		if b, ok := limited.R.(*body); ok && int64(b.Len()) <= limited.N {
			n, err := b.WriteTo(c.TCPConn)
			limited.N -= n
			// A peer may close when it has answered early. With this error net/http would not
			// read the answer; the reading side finds a peer that has given none.
			b.cut = err
			return n, nil
		}
	}
	return c.TCPConn.ReadFrom(r)
}

// body is a request's body in memory that can be used again. Its wait ends when net/http has
// let go of it: RoundTrip may return before that (net/http, RoundTripper).
type body struct {
	bytes.Reader
	closed chan struct{}
	// cut is why a connection did not take all of it.
	cut error
}

func newBody() *body { return &body{closed: make(chan struct{}, 1)} }

// open puts data into the body. Every open needs a wait.
func (b *body) open(data []byte) {
	b.Reset(data)
	b.cut = nil
}

// wait waits until net/http has closed the body.
func (b *body) wait() {
	<-b.closed
	b.Reset(nil)
}

// Close never blocks.
func (b *body) Close() error {
	select {
	case b.closed <- struct{}{}:
	default:
	}
	return nil
}

// tunedListener tunes what it accepts.
type tunedListener struct {
	net.Listener
	pending *transport.Pending
}

func (l tunedListener) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	a := &accepted{TCPConn: connection.(*net.TCPConn)}
	// A connection that cannot be tuned is slower and no less sound.
	_ = tune(a.TCPConn)
	l.pending.Add(a)
	return a, nil
}

// accepted is a target's connection.
type accepted struct {
	*net.TCPConn
	// admitted is set by its first request, if that has a proof.
	admitted bool
}
