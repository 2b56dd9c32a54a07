package control

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// socket is one end of a socket pair, read and written with blocking system calls. Package
// net would put a poller in between, whose threads look for more work for a while after
// every message: at a moment when the functions, on a small machine, need that processor.
type socket struct {
	file *os.File
	// patience is what the socket is set to; see within.
	patience time.Duration
}

// Pair connects a shim with a function that it is about to start: the shim's connection,
// and the function's end, which becomes its Descriptor and is then closed by the shim.
func Pair() (*Connection, *os.File, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a control connection: socketpair: %w", err)
	}
	return newConnection(os.NewFile(uintptr(pair[0]), "control")), os.NewFile(uintptr(pair[1]), "control"), nil
}

// Inherited is the connection that this process was started with.
func Inherited() (*Connection, error) {
	if _, err := unix.Getpeername(Descriptor); err != nil {
		return nil, fmt.Errorf("there is no control connection: %w (rrbench starts this program by itself)", err)
	}
	unix.CloseOnExec(Descriptor)
	return newConnection(os.NewFile(Descriptor, "control")), nil
}

func newConnection(file *os.File) *Connection { return &Connection{socket: socket{file: file}} }

func (s *socket) Read(p []byte) (int, error) {
	n, err := s.file.Read(p)
	return n, named(err)
}

func (s *socket) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	return n, named(err)
}

// named calls a socket's time-out, which reads EAGAIN (socket(7)), and the end of the other
// side by their names.
func named(err error) error {
	switch {
	case errors.Is(err, unix.EAGAIN):
		return os.ErrDeadlineExceeded
	case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
		return io.EOF
	}
	return err
}

// within bounds each read and write from now on; zero is no bound.
func (s *socket) within(patience time.Duration) error {
	if patience == s.patience {
		return nil
	}
	limit := unix.NsecToTimeval(int64(patience))
	err := s.control(func(fd int) error {
		return errors.Join(
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit),
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit))
	})
	if err != nil {
		return fmt.Errorf("set a control connection's time-out: %w", err)
	}
	s.patience = patience
	return nil
}

// interrupt ends the connection: reads under way, by any goroutine, return.
func (s *socket) interrupt() {
	_ = s.control(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RDWR) })
}

func (s *socket) close() error {
	s.interrupt()
	return s.file.Close()
}

func (s *socket) control(f func(fd int) error) error {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}
