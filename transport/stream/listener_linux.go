package stream

import (
	"crypto/rand"
	"encoding/hex"
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
	// handshakeDeadline bounds what a stranger can make a listener wait.
	handshakeDeadline = 2 * time.Second
	// strangersLimit bounds how many connections may be in their handshake. One more ends
	// the oldest, so that strangers who keep silent keep nobody out.
	strangersLimit = 64
	// closeDeadline bounds how long Close waits for a handler that does not return.
	closeDeadline = 5 * time.Second
)

// Listener is a target's address and the connections to it.
type Listener struct {
	fd      int
	domain  int
	address string
	nonce   []byte

	// seat is taken by the one connection that is served: a function runs one hand-off at
	// a time, and a second source would silently queue behind the first.
	seat chan struct{}

	mutex     sync.Mutex
	closed    bool
	strangers []*socket // in their handshake, oldest first
	open      map[*socket]struct{}
	finished  sync.WaitGroup
	closing   chan struct{}
}

// ListenUnix listens on a Unix socket with a random name in the abstract namespace, which
// vanishes with its last descriptor (unix(7)).
func ListenUnix() (*Listener, error) {
	var name [16]byte
	_, _ = rand.Read(name[:])
	address := "@rrbench-" + hex.EncodeToString(name[:])
	return listen(unix.AF_UNIX, &unix.SockaddrUnix{Name: address}, address)
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
		nonce:   make([]byte, nonceSize),
		seat:    make(chan struct{}, 1),
		open:    make(map[*socket]struct{}),
		closing: make(chan struct{}),
	}
	_, _ = rand.Read(l.nonce)
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
// whoever else connects is told that the target is busy.
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
	close(l.closing)
	for s := range l.open {
		s.interrupt()
	}
	l.mutex.Unlock()
	_ = unix.Shutdown(l.fd, unix.SHUT_RDWR) // ends a blocked accept

	done := make(chan struct{})
	go func() {
		l.finished.Wait()
		_ = unix.Close(l.fd)
		close(done)
	}()
	select {
	case <-done:
		return nil
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
		if !l.meet(s) {
			s.close()
			return
		}
		l.finished.Go(func() {
			defer l.forget(s)
			l.converse(s, service)
		})
	}
}

func (l *Listener) isClosed() bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.closed
}

// meet enters a new connection as a stranger; false when the listener has been closed.
func (l *Listener) meet(s *socket) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.closed {
		return false
	}
	l.open[s] = struct{}{}
	l.strangers = append(l.strangers, s)
	if len(l.strangers) > strangersLimit {
		l.strangers[0].interrupt()
		l.strangers = l.strangers[1:]
	}
	return true
}

// know takes a connection off the strangers.
func (l *Listener) know(s *socket) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for i, stranger := range l.strangers {
		if stranger == s {
			l.strangers = append(l.strangers[:i:i], l.strangers[i+1:]...)
			return
		}
	}
}

func (l *Listener) forget(s *socket) {
	l.know(s)
	l.mutex.Lock()
	delete(l.open, s)
	l.mutex.Unlock()
	s.close()
}

// converse takes one connection from its handshake to its end. Nobody is told when it
// fails: the peer is a stranger, or learns by itself.
func (l *Listener) converse(s *socket, service Service) {
	until := measure.Now() + int64(handshakeDeadline)
	if s.setTimeout(handshakeDeadline) != nil {
		return
	}
	if err := l.welcome(s, until); err != nil {
		return
	}
	l.know(s)
	if !l.takeSeat(time.Duration(until - measure.Now())) {
		_ = s.sendVerdict(verdictBusy)
		return
	}
	defer func() { <-l.seat }()
	if err := s.setTimeout(service.Deadline); err != nil {
		return
	}
	if s.sendVerdict(verdictWelcome) != nil {
		return
	}
	serve(s, service)
}

// takeSeat waits a little: the source before may just be going.
func (l *Listener) takeSeat(patience time.Duration) bool {
	timer := time.NewTimer(max(patience, 0))
	defer timer.Stop()
	select {
	case l.seat <- struct{}{}:
		return true
	case <-timer.C:
		return false
	case <-l.closing:
		return false
	}
}

// welcome is the listener's half of the handshake up to the verdict.
func (l *Listener) welcome(s *socket, until int64) error {
	if l.domain == unix.AF_UNIX {
		process, err := checkUser(s.fd)
		if err != nil {
			return err
		}
		s.process = process
		if err := tuneUnix(s.fd); err != nil {
			return err
		}
	} else {
		peer, err := unix.Getpeername(s.fd)
		if err != nil {
			return err
		}
		if err := TuneTCP(s.fd, addrPort(peer).Addr()); err != nil {
			return err
		}
	}
	var in [helloSize]byte
	if err := s.readFull(in[:], until); err != nil {
		return err
	}
	theirs, err := parseHello(&in)
	if err != nil {
		return err
	}
	mine := reply{version: version}
	if theirs.version == version {
		_, _ = rand.Read(mine.challenge[:])
		mine.proof = prove(l.nonce, roleListener, &theirs.challenge, &mine.challenge)
	}
	var out [replySize]byte
	mine.encode(&out)
	if err := s.writeFull(out[:]); err != nil {
		return err
	}
	if theirs.version != version {
		return errors.New("handshake: another version")
	}
	var proof [proofSize]byte
	if err := s.readFull(proof[:], until); err != nil {
		return err
	}
	if !proves(proof[:], l.nonce, roleConnector, &theirs.challenge, &mine.challenge) {
		_ = s.sendVerdict(verdictStranger)
		return errors.New("handshake: the peer does not know the nonce")
	}
	return nil
}

func (s *socket) sendVerdict(v verdict) error {
	var out [verdictSize]byte
	v.encode(&out)
	return s.writeFull(out[:])
}
