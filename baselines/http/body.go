package http

import "bytes"

// body is a request's body in memory that can be used again, and that tells when net/http
// has let go of it: RoundTrip may return before that (net/http, RoundTripper).
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
