package stream

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"rrbench/memory"
	"rrbench/transport"
)

// openRing makes a ring and has the target open it. From then on the connection's frames and answers
// go through it.
func (l *link) openRing(waiting memory.Waiting) error {
	if err := l.socket.setTimeout(l.deadline); err != nil {
		return err
	}
	made, err := memory.NewRing(waiting, l.socket.alive)
	if err != nil {
		return err
	}
	var frame [headerSize]byte
	header{flags: ring | withDescriptor, length: 1}.encode(&frame)
	n, err := unix.SendmsgN(l.socket.fd, frame[:], encodeDescriptor(nil, made.Descriptor()), nil, 0)
	if err == nil && n < len(frame) {
		err = writeFull(l.socket.fd, frame[n:], 0)
	}
	if err == nil {
		err = l.socket.readFull(l.in[:answerSize], momentAfter(l.deadline))
	}
	if err == nil {
		var d transport.Delivery
		l.conclude(&d)
		err = d.Err
	}
	if err = errors.Join(err, made.Forget()); err != nil {
		return errors.Join(fmt.Errorf("share a ring with the target: %w", err), made.Close())
	}
	l.socket.attach(made)
	l.writer, err = ringWriter{made}, l.writer.Close()
	return err
}

// openRing is the target's part. The answer is the last one by the socket.
func (c *connection) openRing(descriptor int) error {
	opened, err := memory.OpenRing(descriptor, c.service.Ring, c.socket.alive)
	if err != nil {
		return c.answer(statusRefused, err)
	}
	if err := c.answer(statusConsumed, nil); err != nil {
		return errors.Join(err, opened.Close())
	}
	c.socket.attach(opened)
	return nil
}

func (s *socket) attach(ring *memory.Ring) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.ring = ring
}

// alive says whether the peer has closed the connection, as its kernel does when it dies.
func (s *socket) alive() error {
	s.poll[0] = unix.PollFd{Fd: int32(s.fd), Events: unix.POLLRDHUP}
	if n, err := unix.Poll(s.poll[:], 0); n > 0 && err == nil {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// readAnswer is readFull for what has yet to begin.
func (s *socket) readAnswer(p []byte, until int64) error {
	if s.ring != nil {
		if err := s.ring.Await(until); err != nil {
			return ringError(err)
		}
	}
	return s.readFull(p, until)
}

// ringError says of a ring's errors what a socket's would.
func ringError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errTimeout
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, memory.ErrInterrupted):
		return fmt.Errorf("the peer closed the connection: %w", err)
	}
	return err
}

// ringWriter puts frames into a ring.
type ringWriter struct{ ring *memory.Ring }

func (w ringWriter) Write(_ int, header, payload []byte, until int64) error {
	return ringError(w.ring.Write(header, payload, until))
}

// Close does nothing: the ring goes with the socket.
func (ringWriter) Close() error { return nil }

// takeBeside returns the descriptor that comes through the socket, with one byte, beside a frame in the ring; -1
// where the kernel has dropped it.
func (s *socket) takeBeside(box *inbox) (descriptor int, err error) {
	for {
		n, descriptor, err := box.receive(s.fd, box.one[:])
		switch {
		case n > 0:
			return descriptor, nil
		case err == unix.EINTR:
		case err == nil:
			return -1, io.ErrUnexpectedEOF
		default:
			return -1, fmt.Errorf("wait for a descriptor: %w", err)
		}
	}
}
