package wasip1

import (
	"fmt"
	"io"
	"regexp"
	"slices"

	"rrbench/foreign"
)

const (
	// keptOutput is how much of the end of a guest's output is kept, in bytes. Go's runtime
	// writes the stacks of all goroutines behind what went wrong.
	keptOutput = 64 << 10
	// explained is how much of it an error can repeat, in bytes.
	explained = 1 << 10
)

// standardInput is the host's, or at its end.
type standardInput struct {
	stat
	from io.Reader
}

// read reads into the first buffer that has room, which preview 1 allows. The lock is free
// meanwhile.
func (i *standardInput) read(s *System, buffers [][]byte) (int, error) {
	for _, buffer := range buffers {
		if len(buffer) == 0 || i.from == nil {
			continue
		}
		s.lock.Unlock()
		n, err := i.from.Read(buffer)
		s.lock.Lock()
		if s.closed {
			return 0, ErrClosed
		}
		if err != nil && err != io.EOF {
			return n, EIO
		}
		return n, nil
	}
	return 0, nil
}

func (*standardInput) write(*System, [][]byte) (int, error) { return 0, EBADF }
func (i *standardInput) watch() (int, bool, bool)           { return 0, true, i.from == nil }
func (*standardInput) close() error                         { return nil }

// standardOutput goes to the host.
type standardOutput struct {
	stat
	to io.Writer
}

func (*standardOutput) read(*System, [][]byte) (int, error) { return 0, EBADF }
func (*standardOutput) watch() (int, bool, bool)            { return 0, true, false }
func (*standardOutput) close() error                        { return nil }

func (o *standardOutput) write(s *System, buffers [][]byte) (int, error) {
	written := 0
	for _, buffer := range buffers {
		s.output.write(buffer)
		if o.to != nil {
			if _, err := o.to.Write(buffer); err != nil {
				return 0, EIO
			}
		}
		written += len(buffer)
	}
	return written, nil
}

// tail keeps the end of what is written to it.
type tail []byte

func (t *tail) write(p []byte) {
	p = p[max(len(p)-keptOutput, 0):]
	excess := max(len(*t)+len(p)-keptOutput, 0)
	*t = append(slices.Delete(*t, 0, excess), p...)
}

// Output is the end of what the guest wrote to standard output and error, at most 64 KiB.
func (s *System) Output() string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return string(s.output)
}

// goCause is what a program in Go writes when it ends against its will, without the stacks
// behind it.
var goCause = regexp.MustCompile(`(?ms)^(?:runtime: |fatal error: |panic: )(.*?)(?:\n\n|\z)`)

// Explain adds to the error of a guest's call the reason that the guest wrote before it ended, in
// one line. A program in Go writes why it panicked and then only exits; of other guests the end of
// their output is added.
func (s *System) Explain(err error) error {
	if err == nil {
		return nil
	}
	output := s.Output()
	if cause := goCause.FindString(output); cause != "" {
		output = cause[:min(len(cause), explained)]
	}
	text := foreign.Line(output[max(len(output)-explained, 0):], explained)
	if text == "" {
		return err
	}
	return fmt.Errorf("%w; its output ends: %s", err, text)
}
