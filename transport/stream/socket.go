package stream

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/memory"
)

// socket is a connected blocking stream socket. One goroutine reads and writes it; any
// may interrupt it.
type socket struct {
	fd  int
	tcp bool
	// process is the one at the other end of a Unix socket.
	process int
	// ring carries what is read and written from when it was made on, beside the socket; nil for
	// none.
	ring *memory.Ring
	// beside: what is to be read next comes through the socket nevertheless.
	beside bool
	poll   [1]unix.PollFd

	// mutex keeps the descriptor's number from being used after it was closed, when it
	// may already be another file's.
	mutex  sync.Mutex
	closed bool
}

// Interrupt ends both directions: a blocked read or write returns, in whatever goroutine.
func (s *socket) Interrupt() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return
	}
	_ = unix.Shutdown(s.fd, unix.SHUT_RDWR)
	if s.ring != nil {
		s.ring.Interrupt()
	}
}

// close frees the descriptor. Only the goroutine that reads and writes may call it.
func (s *socket) close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.closed {
		s.closed = true
		_ = unix.Close(s.fd)
		if s.ring != nil {
			_ = s.ring.Close()
		}
	}
}

// setTimeout bounds every single read and write (SO_RCVTIMEO and SO_SNDTIMEO, socket(7));
// zero bounds nothing. What must be bounded as a whole passes a moment to readFull too.
func (s *socket) setTimeout(timeout time.Duration) error {
	value := unix.NsecToTimeval(int64(timeout))
	if timeout > 0 && value.Sec == 0 && value.Usec == 0 {
		value.Usec = 1 // all zero would mean no time-out at all
	}
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, option, &value); err != nil {
			return fmt.Errorf("set the time-out of a socket: %w", err)
		}
	}
	return nil
}

// errTimeout is what a read or write returns when the peer let its time pass.
var errTimeout = fmt.Errorf("the peer did not go on in time: %w", os.ErrDeadlineExceeded)

// readFull fills p. When the peer closes before, the error wraps io.ErrUnexpectedEOF. Past
// the moment until (measure.Now; 0 is never) it gives up even on a peer that sends drop by
// drop.
func (s *socket) readFull(p []byte, until int64) error { return s.receiveFull(p, 0, until) }

func (s *socket) receiveFull(p []byte, flags int, until int64) error {
	if s.ring != nil && !s.beside {
		return ringError(s.ring.Read(p, until))
	}
	for done := 0; done < len(p); {
		n, err := s.receive(p[done:], flags)
		switch {
		case n > 0:
			done += n
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return errTimeout
		case err == unix.ECONNRESET:
			return fmt.Errorf("the peer closed the connection after %d of %d bytes: %w", done, len(p), err)
		case err != nil:
			return fmt.Errorf("read after %d of %d bytes: %w", done, len(p), err)
		default:
			return fmt.Errorf("the peer closed the connection after %d of %d bytes: %w", done, len(p), io.ErrUnexpectedEOF)
		}
		if until != 0 && done < len(p) && measure.Now() > until {
			return errTimeout
		}
	}
	return nil
}

// receive is recv(2) without package unix' return of an address, which it allocates.
func (s *socket) receive(p []byte, flags int) (n int, err error) {
	if flags == 0 {
		return unix.Read(s.fd, p)
	}
	got, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), uintptr(flags), 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(got), nil
}

// lowWatermark is how many bytes must have arrived before a reader of a large payload is
// woken (SO_RCVLOWAT, socket(7)). Woken by every segment of 64 KiB, it would spend a fifth
// of the time of a transfer over loopback on falling asleep and waking up.
const lowWatermark = 512 << 10

// waitAll has a read wait in the kernel for all of its bytes (MSG_WAITALL, recv(2)). A
// goroutine that comes back for each part of them costs Go's scheduler, and its monitor,
// more than the waiting itself.
const waitAll = unix.MSG_WAITALL

// readPayload is readFull for bytes that may be many. On TCP only the last of them wake
// the reader as they come.
func (s *socket) readPayload(p []byte, until int64) error {
	watermark := min(lowWatermark, len(p)/4)
	if !s.tcp || watermark < lowWatermark/2 {
		return s.receiveFull(p, waitAll, until)
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVLOWAT, watermark); err != nil {
		return fmt.Errorf("set SO_RCVLOWAT: %w", err)
	}
	last := len(p) - watermark
	if err := s.receiveFull(p[:last], waitAll, until); err != nil {
		return err // the connection is of no more use, nor is its watermark
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVLOWAT, 1); err != nil {
		return fmt.Errorf("reset SO_RCVLOWAT: %w", err)
	}
	return s.receiveFull(p[last:], waitAll, until)
}

// pending reads what has already arrived, without waiting, and fails when that is less
// than p.
func (s *socket) pending(p []byte) error {
	if s.ring != nil {
		if s.ring.Pending() < len(p) {
			return io.EOF
		}
		return s.ring.Read(p, 0)
	}
	for done := 0; done < len(p); {
		n, _, err := unix.Recvfrom(s.fd, p[done:], unix.MSG_DONTWAIT)
		switch {
		case n > 0:
			done += n
		case err == unix.EINTR:
		case err != nil:
			return err
		default:
			return io.EOF
		}
	}
	return nil
}

// writeFull writes p, which is short: a socket's own time-out is bound enough.
func (s *socket) writeFull(p []byte, deadline time.Duration) error {
	if s.ring != nil {
		return ringError(s.ring.Write(p, nil, momentAfter(deadline)))
	}
	return writeFull(s.fd, p, 0)
}

// writeFull writes p; past the moment until it gives up even on a peer that reads drop by
// drop.
func writeFull(fd int, p []byte, until int64) error {
	for done := 0; done < len(p); {
		n, err := unix.Write(fd, p[done:])
		done += max(n, 0)
		if err := CheckSent(n, err, until); err != nil && done < len(p) {
			return fmt.Errorf("after %d of %d bytes: %w", done, len(p), err)
		}
	}
	return nil
}

// CheckSent judges a system call that was to send to a blocking socket, sent n bytes and
// returned err. It returns nil when the sender can go on with the rest, and otherwise what
// happened: the peer is gone, the socket's time-out or the moment until (measure.Now; 0 is
// never) has passed, or something else that err says.
func CheckSent(n int, err error, until int64) error {
	switch {
	case n > 0:
		if until != 0 && measure.Now() > until {
			return errTimeout
		}
		return nil
	case err == unix.EINTR:
		return nil
	case err == unix.EAGAIN:
		return errTimeout
	case err == unix.EPIPE, err == unix.ECONNRESET:
		return fmt.Errorf("the peer closed the connection: %w", err)
	case err == nil:
		return errors.New("the kernel accepted no byte")
	}
	return err
}

// momentAfter is the moment of measure.Now after a duration, 0 for none.
func momentAfter(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return measure.Now() + int64(d)
}
