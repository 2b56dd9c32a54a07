package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"sync"

	"rrbench/baselines/function"
	"rrbench/measure"
	"rrbench/transport"
)

// headerLimit bounds a request's header, in bytes.
const headerLimit = 16 << 10

func (n native) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	f, err := function.NewTarget(setup)
	if err != nil {
		return nil, fmt.Errorf("make the function: %w", err)
	}
	listener, err := listen(ctx, setup.Listen())
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP: %w", err)
	}
	nonce := transport.NewNonce()
	t := &target{
		function:  f,
		admission: transport.NewAdmission(nonce),
		served:    make(chan struct{}),
		endpoint: transport.Endpoint{
			Transport: n.name,
			Network:   "tcp",
			Address:   listener.Addr().String(),
			Nonce:     nonce,
		},
	}
	t.server = nethttp.Server{
		Handler:           t,
		ReadHeaderTimeout: setup.Deadline,
		ReadTimeout:       setup.Deadline,
		// It runs from the header on as ReadTimeout does; a source whose body is late is
		// still answered with the reason.
		WriteTimeout: 2 * setup.Deadline,
		// A source may think between two payloads for as long as it likes.
		IdleTimeout:    -1,
		MaxHeaderBytes: headerLimit,
		ConnContext: func(ctx context.Context, connection net.Conn) context.Context {
			return context.WithValue(ctx, connectionKey{}, connection)
		},
		ConnState: func(connection net.Conn, state nethttp.ConnState) {
			switch state {
			case nethttp.StateNew:
				t.connections.Add(1)
			case nethttp.StateClosed:
				t.pending.Remove(connection)
				t.connections.Done()
			}
		},
	}
	go func() {
		defer close(t.served)
		// It returns when Close has closed the listener.
		_ = t.server.Serve(tunedListener{listener, &t.pending})
	}()
	return t, nil
}

// target is a function behind an HTTP server.
type target struct {
	server      nethttp.Server
	endpoint    transport.Endpoint
	admission   *transport.Admission
	pending     transport.Pending
	served      chan struct{}
	connections sync.WaitGroup

	// turn guards what follows: a function takes one object at a time.
	turn     sync.Mutex
	function *function.Target
	reply    [transport.DeliveryLimit]byte
}

func (t *target) Endpoint() transport.Endpoint { return t.endpoint }

// Close ends the server and its connections, and waits for both.
func (t *target) Close() error {
	err := t.server.Close()
	<-t.served
	t.connections.Wait()
	return err
}

// connectionKey is the key of a connection in its requests' contexts.
type connectionKey struct{}

// ServeHTTP answers GET / with an empty reply, for the function is ready, and POST / with what became of the body.
func (t *target) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	connection := r.Context().Value(connectionKey{}).(*accepted)
	if !connection.admitted {
		if err := admit(t.admission, r.Header, w.Header()); err != nil {
			refuse(w, nethttp.StatusUnauthorized, err)
			return
		}
		connection.admitted = true
		t.pending.Remove(connection)
	}
	if r.URL.Path != "/" {
		refuse(w, nethttp.StatusNotFound, fmt.Errorf("there is no function at %.100q", r.URL.Path))
		return
	}
	t.turn.Lock()
	defer t.turn.Unlock()
	var d transport.Delivery
	switch r.Method {
	case nethttp.MethodGet:
	case nethttp.MethodPost:
		if status, err := t.receive(connection.TCPConn, r, &d); err != nil {
			refuse(w, status, err)
			return
		}
	default:
		refuse(w, nethttp.StatusMethodNotAllowed, fmt.Errorf("method %.20q: use POST", r.Method))
		return
	}
	d.Usage = measure.TakeUsage()
	answer(w, nethttp.StatusOK, d.AppendTo(t.reply[:0]))
}

// receive takes a body into the function's memory and lets the function handle it. The error comes with
// its HTTP status.
func (t *target) receive(connection *net.TCPConn, r *nethttp.Request, d *transport.Delivery) (status int, err error) {
	if r.ContentLength < 0 {
		return nethttp.StatusLengthRequired, errors.New("the request does not tell its body's length")
	}
	buffer, err := t.function.Buffer(r.ContentLength)
	if err != nil {
		return nethttp.StatusRequestEntityTooLarge, err
	}
	copiedIn() // what came before is no part of this payload
	// Beyond net/http's 4 KiB of read-ahead these are reads of the socket straight into
	// buffer, as large as what the kernel has.
	if n, err := readBody(connection, r.Body, buffer); err != nil {
		return nethttp.StatusBadRequest, fmt.Errorf("received %d of %d bytes: %w", n, len(buffer), err)
	}
	d.Timeline.CopiedIn = measure.Now()
	d.Timeline.Received = d.Timeline.CopiedIn - copiedIn()
	if err := t.function.Handle(d); err != nil {
		return nethttp.StatusUnprocessableEntity, err
	}
	return nethttp.StatusOK, nil
}

// watermark is how many bytes of a long body must have arrived before its reader is woken,
// as of a long payload in package transport/stream. Woken by every segment, the reader of
// 100 MiB would be parked and woken 260 times instead of 20.
const watermark = 512 << 10

// readBody fills into, which is as long as the body. Of a long one only the last
// bytes wake the reader as they come, where the connection can do that.
func readBody(connection *net.TCPConn, body io.Reader, into []byte) (n int, err error) {
	if early := len(into) - watermark; early >= watermark && setWatermark(connection, watermark) == nil {
		n, err = io.ReadFull(body, into[:early])
		// The rest is as many bytes as would wake the reader, or a few less.
		if reset := setWatermark(connection, 1); err == nil {
			err = reset
		}
		if err != nil {
			return n, err
		}
	}
	rest, err := io.ReadFull(body, into[n:])
	return n + rest, err
}

// refuse answers with a failure. The connection closes, as the body may be unread.
func refuse(w nethttp.ResponseWriter, status int, err error) {
	w.Header().Set("Connection", "close")
	d := transport.Delivery{Err: err}
	answer(w, status, d.AppendTo(nil))
}

func answer(w nethttp.ResponseWriter, status int, reply []byte) {
	header := w.Header()
	header.Set("Content-Type", "application/octet-stream")
	// The length is known, so net/http adds it by itself, in the same write.
	w.WriteHeader(status)
	// A source that is gone already needs no answer.
	_, _ = w.Write(reply)
}
