package http

import "io"

// body is a request's body in memory that can be used again, and that tells when net/http
// has let go of it: RoundTrip may return before that (net/http, RoundTripper).
type body struct {
	rest   []byte
	closed chan struct{}
	// cut is why a connection did not take all of it.
	cut error
}

func newBody() *body { return &body{closed: make(chan struct{}, 1)} }

// open puts data into the body. Every open needs a wait.
func (b *body) open(data []byte) { b.rest, b.cut = data, nil }

// wait waits until net/http has closed the body.
func (b *body) wait() {
	<-b.closed
	b.rest = nil
}

func (b *body) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// WriteTo writes all that is left with one call.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	if len(b.rest) == 0 {
		return 0, nil
	}
	n, err := w.Write(b.rest)
	b.rest = b.rest[n:]
	return int64(n), err
}

// Close never blocks.
func (b *body) Close() error {
	select {
	case b.closed <- struct{}{}:
	default:
	}
	return nil
}
