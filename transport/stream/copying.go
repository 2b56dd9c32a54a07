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
