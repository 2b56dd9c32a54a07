package limits

import (
	"errors"
	"fmt"

	"rrbench/memory"
	"rrbench/modes"
	"rrbench/modes/kernel"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// Receiver takes payloads into a warm buffer.
type Receiver struct {
	memory buffer
	// payload is what has come.
	payload []byte
	writes  bool
}

// NewReceiver makes one for payloads of at most setup.Size bytes.
func NewReceiver(setup transport.Setup) (*Receiver, error) {
	r := &Receiver{writes: setup.Consume == transport.ConsumeWrite}
	_, err := r.memory.take(max(setup.Size, 1))
	return r, err
}

// Place returns the buffer.
func (r *Receiver) Place(n uint64) (_ []byte, err error) {
	r.payload, err = r.memory.take(int64(n))
	return r.payload, err
}

// Consume stands for the handler.
func (r *Receiver) Consume(d *transport.Delivery) error {
	d.Digest = handle(r.payload, r.writes)
	return nil
}

// Release does nothing: there is one buffer.
func (r *Receiver) Release() error { return nil }

// Close frees the buffer.
func (r *Receiver) Close() error { return r.memory.free() }

// Holds and Disconnected are for those that payloads are referred to.
func (r *Receiver) Holds() (held bool, released uint64) { return false, 0 }
func (r *Receiver) Disconnected()                       {}

// reader copies payloads out of the sender's process.
type reader struct {
	*Receiver
	remote kernel.RemoteReader
}

func (r *reader) Resolve(n uint64, reference stream.Reference) error {
	into, err := r.Place(n)
	if err != nil {
		return err
	}
	return r.remote.Read(reference, into)
}

// mapper reads payloads where they are, in the sender's file. It maps a file privately, so that
// what it writes is its own, and keeps the mapping for the next payload there.
type mapper struct {
	*Receiver
	file memory.FileID
	area []byte
	// scratch is for Revert.
	scratch []byte
}

func (m *mapper) Resolve(n uint64, reference stream.Reference) error {
	if reference.Descriptor < 0 {
		if n > uint64(len(m.area)) {
			return fmt.Errorf("the payload's file has not come: %w", stream.ErrSendBytes)
		}
		m.payload = m.area[:n]
		return nil
	}
	whole := memory.Enough(int(n))
	file, err := memory.CheckSealed(reference.Descriptor, uint64(whole))
	if err != nil {
		return err
	}
	if file != m.file || whole > len(m.area) {
		m.Disconnected()
		area, err := memory.Reserve(whole)
		if err != nil {
			return err
		}
		if err := memory.MapPrivate(area, reference.Descriptor, 0); err != nil {
			return errors.Join(err, memory.Free(area))
		}
		m.file, m.area = file, area
	}
	m.payload = m.area[:n]
	return nil
}

// Release makes pages that were written to show the file again.
func (m *mapper) Release() (err error) {
	if seen := min(memory.Enough(len(m.payload)), len(m.area)); m.writes && seen > 0 {
		_, m.scratch, err = memory.Revert(m.area[:seen], m.scratch)
	}
	return err
}

// Disconnected gives up the mapping.
func (m *mapper) Disconnected() {
	_ = memory.Free(m.area)
	m.area = nil
}

func (m *mapper) Close() error {
	m.Disconnected()
	return m.Receiver.Close()
}

// describer refers to the file that payloads lie in. Its descriptor goes along once.
type describer struct {
	file *file
	// known is the file that all targets have mapped, and longest how many bytes of it.
	known   *memory.SealedFile
	longest int
	unknown func()
}

func describe(f *file) *describer {
	d := &describer{file: f}
	d.unknown = func() { d.known = nil }
	return d
}

func (d *describer) Refer(_ *modes.Region, payload []byte) (stream.Reference, bool, error) {
	reference := stream.Reference{ID: 1, Descriptor: -1, Unknown: d.unknown}
	if d.known != d.file.SealedFile || len(payload) > d.longest {
		d.known, d.longest = d.file.SealedFile, len(payload)
		reference.Descriptor = d.file.Descriptor()
	}
	return reference, true, nil
}

func (*describer) Finish(*modes.Region, []byte, int) error { return nil }
func (*describer) Released([]uint64)                       {}
func (*describer) Close() error                            { return nil }
