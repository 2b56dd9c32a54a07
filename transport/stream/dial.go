package stream

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/transport"
)

// dialDeadline bounds connecting and the handshake together when the context does not.
const dialDeadline = 5 * time.Second

// dial connects to an endpoint and proves itself.
func dial(ctx context.Context, endpoint transport.Endpoint) (*socket, error) {
	if len(endpoint.Nonce) != transport.NonceSize {
		return nil, fmt.Errorf("the endpoint's nonce has %d bytes, not %d", len(endpoint.Nonce), transport.NonceSize)
	}
	domain, address, err := sockaddr(endpoint.Network, endpoint.Address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialDeadline)
	defer cancel()
	deadline, _ := ctx.Deadline()

	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	s := &socket{fd: fd, tcp: domain != unix.AF_UNIX}
	stop := context.AfterFunc(ctx, s.Interrupt)
	err = s.connectAndProve(domain, address, endpoint.Nonce, time.Until(deadline))
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		s.close()
		cause := ctx.Err()
		if cause == nil && errors.Is(err, errTimeout) {
			cause = context.DeadlineExceeded // the socket was quicker to notice
		}
		if cause != nil {
			err = fmt.Errorf("%w (%w)", err, cause)
		}
		return nil, err
	}
	return s, nil
}

// connectAndProve connects, and does the connector's half of the handshake.
func (s *socket) connectAndProve(domain int, address unix.Sockaddr, nonce []byte, timeout time.Duration) error {
	until := measure.Now() + int64(timeout)
	if err := s.setTimeout(max(timeout, time.Microsecond)); err != nil {
		return err
	}
	if err := tune(s.fd, domain, addrPort(address).Addr()); err != nil {
		return err
	}
	if err := connect(s.fd, address); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if domain == unix.AF_UNIX {
		process, err := checkUser(s.fd)
		if err != nil {
			return err
		}
		s.process = process
	}
	return s.handshakeAsConnector(nonce, until)
}

func (s *socket) handshakeAsConnector(nonce []byte, until int64) error {
	proof, expected := transport.Prove(nonce)
	if err := s.writeFull(appendMessage(nil, 0, proof[:])); err != nil {
		return fmt.Errorf("handshake: send the proof: %w", err)
	}
	var in [verdictSize]byte
	if err := s.readFull(in[:], until); err != nil {
		return fmt.Errorf("handshake: the target did not answer: %w", err)
	}
	code, answer, err := parseMessage(in[:])
	if err != nil {
		return err
	}
	if err := verdict(code).err(); err != nil {
		return err
	}
	if !expected.Equal(answer) {
		return errors.New("handshake: what listens at this address does not know the endpoint's nonce")
	}
	return nil
}

// connect is connect(2) that outlives signals: called again it waits for the attempt that
// is under way.
func connect(fd int, address unix.Sockaddr) error {
	for {
		switch err := unix.Connect(fd, address); err {
		case unix.EINTR, unix.EALREADY:
		case unix.EISCONN:
			return nil
		case unix.EAGAIN, unix.EINPROGRESS:
			return errTimeout
		default:
			return err
		}
	}
}

func tune(fd, domain int, peer netip.Addr) error {
	if domain == unix.AF_UNIX {
		return tuneUnix(fd)
	}
	return TuneTCP(fd, peer)
}
