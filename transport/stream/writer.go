package stream

import "golang.org/x/sys/unix"

// Writer puts frames into one connection's socket. It is the part in which transports
// over the same sockets differ.
type Writer interface {
	// Write sends header and payload through the blocking socket fd. It returns when the
	// kernel has taken all of them, which may still refer to the payload's memory: that is
	// left alone until the target has acknowledged. Past the moment until (measure.Now; 0
	// is never) it gives up; single system calls are bounded by the socket's own time-out.
	// After an error the connection, and the writer with it, is closed.
	Write(fd int, header, payload []byte, until int64) error
	// Close frees what the writer holds. The socket is closed already.
	Close() error
}

// Awaiter is a Writer whose payloads the kernel refers to after Write has returned.
type Awaiter interface {
	Writer
	// AwaitCompletion is called after each acknowledgement of what Write sent. It returns when the
	// kernel refers to the payload's memory no more, and fails past the moment until, as
	// Write does; the payload is then as one whose connection broke on the way.
	AwaitCompletion(fd int, until int64) error
}

// copying is the plain writer: the kernel copies header and payload in one writev(2).
type copying struct {
	vector [2][]byte
}

// NewCopying returns a Writer that lets the kernel copy the payload: when Write returns,
// the payload's memory is free again.
func NewCopying() Writer { return &copying{} }

func (c *copying) Write(fd int, header, payload []byte, until int64) error {
	c.vector = [2][]byte{header, payload}
	defer func() { c.vector = [2][]byte{} }()
	for {
		n, err := unix.Writev(fd, c.vector[:])
		if n >= len(header) {
			return writeFull(fd, payload[n-len(header):], until)
		}
		if err := CheckSent(n, err, until); err != nil {
			return err
		}
		header = header[max(n, 0):]
		c.vector[0] = header
	}
}

func (c *copying) Close() error { return nil }
