package stream

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/transport"
)

const (
	// handshakeDeadline bounds how long a connection may take to prove that it belongs here.
	handshakeDeadline = 2 * time.Second
	// closeDeadline bounds how long Close waits for a handler that does not return.
	closeDeadline = 5 * time.Second
)

// Listener is a target's address and the connections to it.
type Listener struct {
	fd      int
	domain  int
	address string
	nonce   []byte
	// admission checks who connects.
	admission *transport.Admission

	// busy is taken by the one connection that is served: a function runs one hand-off at
	// a time, and a second source would silently queue behind the first.
	busy chan struct{}

	mutex    sync.Mutex
	closed   bool
	open     map[*socket]struct{}
	pending  transport.Pending[*socket]
	finished sync.WaitGroup
	// closing ends when Close begins.
	closing context.Context
	close   context.CancelFunc
}

// ListenUnix listens on a Unix socket in the process's directory of those.
func ListenUnix() (*Listener, error) {
	path, err := newPath()
	if err != nil {
		return nil, err
	}
	l, err := listen(unix.AF_UNIX, &unix.SockaddrUnix{Name: path}, path)
	if err != nil {
		return nil, errors.Join(err, removePath(path))
	}
	return l, nil
}

// ListenTCP listens on an IP address and port, such as "127.0.0.1:0"; port 0 lets the
// kernel choose.
func ListenTCP(address string) (*Listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen: address %q is not IP:port: %w", address, err)
	}
	domain, to := sockaddrInet(at)
	return listen(domain, to, address)
}

func listen(domain int, at unix.Sockaddr, address string) (*Listener, error) {
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: make a socket: %w", address, err)
	}
	l := &Listener{
		fd: fd, domain: domain, address: address,
		nonce: transport.NewNonce(),
		busy:  make(chan struct{}, 1),
		open:  make(map[*socket]struct{}),
	}
	l.closing, l.close = context.WithCancel(context.Background())
	l.admission = transport.NewAdmission(l.nonce)
	if err := l.bind(at); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

func (l *Listener) bind(at unix.Sockaddr) error {
	if err := unix.Bind(l.fd, at); err != nil {
		return err
	}
	if err := unix.Listen(l.fd, unix.SOMAXCONN); err != nil {
		return err
	}
	if l.domain == unix.AF_UNIX {
		return nil
	}
	if err := unix.SetsockoptInt(l.fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, int(handshakeDeadline/time.Second)); err != nil {
		return fmt.Errorf("set TCP_DEFER_ACCEPT: %w", err)
	}
	bound, err := unix.Getsockname(l.fd)
	if err != nil {
		return err
	}
	l.address = addrPort(bound).String()
	return nil
}

// Endpoint describes this listener to a source.
func (l *Listener) Endpoint(transportName string) transport.Endpoint {
	network := "tcp"
	if l.domain == unix.AF_UNIX {
		network = "unix"
	}
	return transport.Endpoint{Transport: transportName, Network: network, Address: l.address, Nonce: l.nonce}
}

// Serve begins to accept connections, and returns. One source at a time is served;
// another one gets the verdict that the target is busy.
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
	l.mutex.Lock()
	if l.closed {
		l.mutex.Unlock()
		return nil
	}
	l.closed = true
	l.close()
	for s := range l.open {
		s.Interrupt()
	}
	l.mutex.Unlock()
	_ = unix.Shutdown(l.fd, unix.SHUT_RDWR) // ends a blocked accept
	var removed error
	if l.domain == unix.AF_UNIX {
		removed = removePath(l.address)
	}

	done := make(chan struct{})
	go func() {
		l.finished.Wait()
		_ = unix.Close(l.fd)
		close(done)
	}()
	select {
	case <-done:
		return removed
	case <-time.After(closeDeadline):
		return fmt.Errorf("close %s: a handler still runs after %v; end its process", l.address, closeDeadline)
	}
}

func (l *Listener) accept(service Service) {
	for {
		fd, _, err := unix.Accept4(l.fd, unix.SOCK_CLOEXEC)
		if l.isClosed() {
			if err == nil {
				_ = unix.Close(fd)
			}
			return
		}
		if err != nil {
			// A connection that ended before it was accepted, or no descriptor left
			// (accept(2)): both pass.
			if err != unix.EINTR && err != unix.ECONNABORTED {
				time.Sleep(10 * time.Millisecond)
			}
			continue
		}
		s := &socket{fd: fd, tcp: l.domain != unix.AF_UNIX}
		if !l.add(s) {
			s.close()
			return
		}
		l.finished.Go(func() {
			defer l.remove(s)
			l.connection(s, service)
		})
	}
}

func (l *Listener) isClosed() bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.closed
}

// add enters a new connection; false when the listener has been closed.
func (l *Listener) add(s *socket) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.closed {
		return false
	}
	l.open[s] = struct{}{}
	l.pending.Add(s)
	return true
}

func (l *Listener) remove(s *socket) {
	l.pending.Remove(s)
	l.mutex.Lock()
	delete(l.open, s)
	l.mutex.Unlock()
	s.close()
}

// connection takes one connection from its handshake to its end. Its failure concerns the
// peer alone, which notices by itself.
func (l *Listener) connection(s *socket, service Service) {
	until := measure.Now() + int64(handshakeDeadline)
	answer, err := l.handshake(s, until)
	if err != nil {
		return
	}
	l.pending.Remove(s)
	if !l.takeBusy(time.Duration(until - measure.Now())) {
		_ = s.sendVerdict(verdictBusy, answer)
		return
	}
	defer func() { <-l.busy }()
	if s.setTimeout(service.Deadline) != nil || s.sendVerdict(verdictWelcome, answer) != nil {
		return
	}
	serve(l.closing, s, service)
}

// takeBusy waits a little: the source before may just be going.
func (l *Listener) takeBusy(wait time.Duration) bool {
	timer := time.NewTimer(max(wait, 0))
	defer timer.Stop()
	select {
	case l.busy <- struct{}{}:
		return true
	case <-timer.C:
		return false
	case <-l.closing.Done():
		return false
	}
}

// handshake is the listener's half up to the verdict. It reads nothing but the proof before
// that has been checked.
func (l *Listener) handshake(s *socket, until int64) (answer transport.Answer, err error) {
	if err := s.setTimeout(handshakeDeadline); err != nil {
		return answer, err
	}
	if l.domain == unix.AF_UNIX {
		if s.process, err = checkUser(s.fd); err == nil {
			err = tuneUnix(s.fd)
		}
	} else {
		var peer unix.Sockaddr
		if peer, err = unix.Getpeername(s.fd); err == nil {
			err = TuneTCP(s.fd, addrPort(peer).Addr())
		}
	}
	if err != nil {
		return answer, err
	}
	var in [helloSize]byte
	if err := s.readFull(in[:], until); err != nil {
		return answer, err
	}
	_, proof, err := parseMessage(in[:])
	if err != nil {
		_ = s.sendVerdict(verdictVersion, answer)
		return answer, err
	}
	if answer, err = l.admission.Admit(proof); err != nil {
		_ = s.sendVerdict(verdictUnproven, answer)
	}
	return answer, err
}

func (s *socket) sendVerdict(v verdict, answer transport.Answer) error {
	return s.writeFull(appendMessage(nil, uint16(v), answer[:]))
}
