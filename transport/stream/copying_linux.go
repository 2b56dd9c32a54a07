package stream

import "golang.org/x/sys/unix"

// copying is the plain writer: the kernel copies header and payload in one writev(2).
type copying struct {
	vector [2][]byte
}

// NewCopying returns a Writer that lets the kernel copy the payload: when Write returns,
// the payload's memory is free again.
func NewCopying() (Writer, error) { return &copying{}, nil }

func (c *copying) Write(fd int, header, payload []byte, until int64) error {
	whole := len(header) + len(payload)
	c.vector = [2][]byte{header, payload}
	defer func() { c.vector = [2][]byte{} }()
	for {
		n, err := unix.Writev(fd, c.vector[:])
		if n >= len(header) {
			return writeFull(fd, payload[n-len(header):], until)
		}
		if n > 0 {
			header = header[n:]
			c.vector[0] = header
			continue
		}
		if err := sendError(err, 0, whole); err != nil {
			return err
		}
	}
}

func (c *copying) Close() error { return nil }
