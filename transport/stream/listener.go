package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/transport"
)

const (
	// handshakeDeadline bounds how long a connection may take to prove that it belongs here.
	handshakeDeadline = 2 * time.Second
	// closeDeadline bounds how long Close waits for a handler that does not return.
	closeDeadline = 5 * time.Second
	// mostSources is how many connections a target serves at most.
	mostSources = 1024
)

// Listener is a target's address and the connections to it.
type Listener struct {
	listener net.Listener
	nonce    []byte
	// admission checks the proofs of connections, pending holds those that have not proven anything.
	admission *transport.Admission
	pending   transport.Pending

	// places are taken by the connections that are served, and turn by the one of which a payload is: a
	// function runs one hand-off at a time.
	places chan struct{}
	turn   sync.Mutex

	closed   atomic.Bool
	finished sync.WaitGroup
	// closing ends when Close begins, and with it every connection.
	closing context.Context
	close   context.CancelFunc
}

// Deferring has a listener on TCP accept no connection without a byte (TCP_DEFER_ACCEPT, tcp(7)).
var Deferring = net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
	failed := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, int(handshakeDeadline/time.Second))
	})
	return errors.Join(failed, err)
}}

// Listen listens on an IP address and port, such as "127.0.0.1:0", where port 0 lets the kernel choose;
// or, if the address is empty, on a Unix socket in the process's directory for these.
func Listen(address string) (*Listener, error) {
	config := Deferring
	network := "tcp"
	if address == "" {
		path, err := newPath()
		if err != nil {
			return nil, err
		}
		config, network, address = net.ListenConfig{}, "unix", path
	} else if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, fmt.Errorf("listen: address %q is not IP:port: %w", address, err)
	}
	config.KeepAlive = -1
	config.SetMultipathTCP(false)
	listener, err := config.Listen(context.Background(), network, address)
	if err != nil && network == "unix" {
		err = errors.Join(err, leavePath())
	}
	if err != nil {
		return nil, err
	}
	l := &Listener{listener: listener, nonce: transport.NewNonce(), places: make(chan struct{}, mostSources)}
	l.closing, l.close = context.WithCancel(context.Background())
	l.admission = transport.NewAdmission(l.nonce)
	return l, nil
}

// Endpoint describes this listener to a source.
func (l *Listener) Endpoint(transportName string) transport.Endpoint {
	at := l.listener.Addr()
	return transport.Endpoint{Transport: transportName, Network: at.Network(), Address: at.String(), Nonce: l.nonce}
}

// Serve begins to accept connections, and returns. The sources' payloads take turns; a source too
// many gets the verdict that the target is busy.
func (l *Listener) Serve(service Service) {
	if service.Limit == 0 || service.Limit > frameLimit {
		service.Limit = frameLimit
	}
	l.finished.Go(func() { l.accept(service) })
}

// Close stops accepting, ends every connection and waits for what they run. It returns an
// error when a handler has not come back after some seconds; its memory must then not be
// freed.
func (l *Listener) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	l.close()
	err := l.listener.Close()
	if l.listener.Addr().Network() == "unix" {
		err = errors.Join(err, leavePath())
	}
	done := make(chan struct{})
	go func() {
		l.finished.Wait()
		close(done)
	}()
	select {
	case <-done:
		return err
	case <-time.After(closeDeadline):
		return fmt.Errorf("close %v: a handler still runs after %v; end its process", l.listener.Addr(), closeDeadline)
	}
}

func (l *Listener) accept(service Service) {
	for {
		connection, err := l.listener.Accept()
		switch {
		case err == nil:
			l.finished.Go(func() { l.serve(connection, service) })
		case errors.Is(err, net.ErrClosed):
			return
		default: // no descriptor left (accept(2)), which passes
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// serve takes one connection from its handshake to its end. Its failure concerns the
// peer alone, which notices by itself.
func (l *Listener) serve(connection net.Conn, service Service) {
	defer connection.Close()
	defer context.AfterFunc(l.closing, func() { _ = connection.Close() })()
	l.pending.Add(connection)
	defer l.pending.Remove(connection)
	_ = connection.SetDeadline(time.Now().Add(handshakeDeadline))
	process, answer, err := l.handshake(connection)
	if err != nil {
		return
	}
	l.pending.Remove(connection)
	select {
	case l.places <- struct{}{}:
		defer func() { <-l.places }()
	default:
		_ = sendVerdict(connection, verdictBusy, answer)
		return
	}
	if sendVerdict(connection, verdictWelcome, answer) != nil {
		return
	}
	s, err := detach(connection, process)
	if err != nil {
		return
	}
	defer s.close()
	defer context.AfterFunc(l.closing, s.Interrupt)()
	if s.setTimeout(service.Deadline) == nil {
		serve(l.closing, s, service, &l.turn)
	}
}

// handshake is the listener's half up to the verdict. It reads nothing but the proof before
// that has been checked. The process is that at the other end of a Unix socket.
func (l *Listener) handshake(connection net.Conn) (process int, answer transport.Answer, err error) {
	if process, err = checkUser(connection); err != nil {
		return 0, answer, err
	}
	if err := Tune(connection); err != nil {
		return 0, answer, err
	}
	var in [helloSize]byte
	if _, err := io.ReadFull(connection, in[:]); err != nil {
		return 0, answer, err
	}
	_, proof, err := parseMessage(in[:])
	if err != nil {
		_ = sendVerdict(connection, verdictVersion, answer)
		return 0, answer, err
	}
	if answer, err = l.admission.Admit(proof); err != nil {
		_ = sendVerdict(connection, verdictUnproven, answer)
	}
	return process, answer, err
}

func sendVerdict(to net.Conn, v verdict, answer transport.Answer) error {
	_, err := to.Write(appendMessage(nil, uint16(v), answer[:]))
	return err
}
