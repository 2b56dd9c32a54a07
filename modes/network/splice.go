package network

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"rrbench/transport/stream"
)

// pipeSize is the capacity asked for, in bytes: every pipe full costs one vmsplice and one
// splice, which waits for TCP, and the default of 64 KiB would make that many. More than
// fs.pipe-max-size, 1 MiB as a rule, needs a privilege; without it, a user that has many
// pipes gets even less (pipe(7)).
const pipeSize = 4 << 20

// splicing moves the pages of a payload through a pipe into a socket.
type splicing struct {
	out, in  int
	capacity int
	vector   [1]unix.Iovec
}

var _ stream.Writer = (*splicing)(nil)

// NewSplicing makes a Writer that lets the kernel refer to a payload's pages: they go through a pipe to
// the socket, and must not change until the target has acknowledged. See Detach.
func NewSplicing() (stream.Writer, error) {
	s, err := newPipe()
	if err != nil {
		return nil, err
	}
	return s, nil
}

func newPipe() (*splicing, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	s := &splicing{out: ends[0], in: ends[1]}
	for size := pipeSize; size > 1<<16; size /= 2 {
		if _, err := unix.FcntlInt(uintptr(s.in), unix.F_SETPIPE_SZ, size); err == nil {
			break
		}
	}
	capacity, err := unix.FcntlInt(uintptr(s.in), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("ask for a pipe's capacity: %w", err)
	}
	s.capacity = capacity
	return s, nil
}

// PipeFacts say what capacity a pipe has here when that is not the one asked for.
func PipeFacts() map[string]string {
	s, err := newPipe()
	if err != nil {
		return nil
	}
	defer s.Close()
	if s.capacity == pipeSize {
		return nil
	}
	return map[string]string{"pipe_bytes": strconv.Itoa(s.capacity)}
}

// Write sends the header through the pipe too, ahead of the first pages, so that it
// costs no segment of its own. The pipe is empty before and, unless there is an error,
// after it. No call waits for a full pipe, since only this goroutine empties it.
func (s *splicing) Write(socket int, header, payload []byte, until int64) error {
	if n, err := unix.Write(s.in, header); n != len(header) {
		// A pipe takes up to PIPE_BUF bytes whole or not at all (pipe(7)).
		return fmt.Errorf("write a header to the pipe: %w", err)
	}
	piped := len(header)
	for done := 0; done < len(payload); {
		n, err := s.pipe(payload[done:])
		if err != nil {
			return err
		}
		done += n
		piped += n
		if piped == 0 {
			return fmt.Errorf("vmsplice: an empty pipe of %d bytes takes no page", s.capacity)
		}
		if err := s.drain(socket, piped, done < len(payload), until); err != nil {
			return fmt.Errorf("at byte %d of %d: %w", done, len(payload), err)
		}
		piped = 0
	}
	return nil
}

// pipe puts the first pages of payload into the pipe, as many as fit. The kernel refers to
// these pages from now on; they are not given to it (no SPLICE_F_GIFT), so they stay part
// of the linear memory.
func (s *splicing) pipe(payload []byte) (int, error) {
	part := payload[:min(len(payload), s.capacity)]
	s.vector[0].Base = &part[0]
	s.vector[0].SetLen(len(part))
	defer func() { s.vector[0].Base = nil }()
	for {
		n, err := unix.Vmsplice(s.in, s.vector[:], unix.SPLICE_F_NONBLOCK)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN: // the header fills a pipe of one page
			return 0, nil
		default:
			return 0, fmt.Errorf("vmsplice: %w", err)
		}
	}
}

// drain moves n bytes from the pipe to the socket. More says that further bytes follow, so
// that TCP fills its segments.
func (s *splicing) drain(socket, n int, more bool, until int64) error {
	flags := unix.SPLICE_F_MOVE
	if more {
		flags |= unix.SPLICE_F_MORE
	}
	for n > 0 {
		moved, err := unix.Splice(s.out, nil, socket, nil, n, flags)
		n -= int(max(moved, 0))
		if err := stream.CheckSent(int(moved), err, until); err != nil && n > 0 {
			return fmt.Errorf("splice: %w", err)
		}
	}
	return nil
}

// Close drops what is left in the pipe.
func (s *splicing) Close() error {
	_ = unix.Close(s.in)
	return unix.Close(s.out)
}
