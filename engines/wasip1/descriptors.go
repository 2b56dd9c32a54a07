package wasip1

import (
	"encoding/binary"
	"errors"
)

// descriptor is what a guest's file descriptor stands for.
type descriptor interface {
	// read and write transfer as much as is possible at once and may wait for that; buffers
	// are parts of the guest's memory.
	read(s *System, buffers [][]byte) (int, error)
	write(s *System, buffers [][]byte) (int, error)
	status() *stat
	// watch returns which of the operating system's descriptors to wait for. ready is set where there is
	// nothing to wait for, hangup with it at the end of a file.
	watch() (system int, ready, hangup bool)
	close() error
}

// stat is a descriptor's fdstat.
type stat struct {
	fileType byte
	flags    uint16
	rights   uint64
}

func (s *stat) status() *stat { return s }

const (
	characterDevice = 2
	socketStream    = 6

	rightRead     = 1 << 1
	rightFlags    = 1 << 3
	rightWrite    = 1 << 6
	rightPoll     = 1 << 27
	rightShutdown = 1 << 28
	rightAccept   = 1 << 29

	flagNonblock = 1 << 2
)

// maxDescriptors is how many a guest may have open.
const maxDescriptors = 4096

// table maps a guest's descriptors, which are its indices.
type table struct{ entries []descriptor }

// add takes the lowest free number.
func (t *table) add(d descriptor) (uint32, error) {
	for i, entry := range t.entries {
		if entry == nil {
			t.entries[i] = d
			return uint32(i), nil
		}
	}
	if len(t.entries) == maxDescriptors {
		return 0, EMFILE
	}
	t.entries = append(t.entries, d)
	return uint32(len(t.entries) - 1), nil
}

func (t *table) get(number uint64) (descriptor, error) {
	if number >= uint64(len(t.entries)) || t.entries[number] == nil {
		return nil, EBADF
	}
	return t.entries[number], nil
}

func (t *table) close(number uint64) error {
	d, err := t.get(number)
	if err != nil {
		return err
	}
	t.entries[number] = nil
	return d.close()
}

func (t *table) closeAll() error {
	var failures []error
	for _, entry := range t.entries {
		if entry != nil {
			failures = append(failures, entry.close())
		}
	}
	t.entries = nil
	return errors.Join(failures...)
}

func (s *System) fdClose(_ memory, stack []uint64) error { return s.descriptors.close(stack[0]) }

const fdstatSize = 24

func (s *System) fdFdstatGet(m memory, stack []uint64) error {
	d, err := s.descriptors.get(stack[0])
	if err != nil {
		return err
	}
	out, err := m.slice(stack[1], fdstatSize)
	if err != nil {
		return err
	}
	stat := d.status()
	clear(out)
	out[0] = stat.fileType
	binary.LittleEndian.PutUint16(out[2:], stat.flags)
	binary.LittleEndian.PutUint64(out[8:], stat.rights)
	return nil
}

func (s *System) fdFdstatSetFlags(_ memory, stack []uint64) error {
	d, err := s.descriptors.get(stack[0])
	if err == nil && d.status().rights&rightFlags != 0 {
		d.status().flags = uint16(stack[1])
	}
	return err
}

// fdPrestatGet ends a guest's search for open directories.
func (s *System) fdPrestatGet(memory, []uint64) error { return EBADF }

// transferring is the handler of fd_read and fd_write.
func transferring(move func(descriptor, *System, [][]byte) (int, error)) handler {
	return func(s *System, m memory, stack []uint64) error {
		return s.transfer(m, stack[0], stack[1], stack[2], stack[3], move)
	}
}

// transfer reads or writes count vectors and puts the number of bytes at length, which is
// checked first: bytes that were read are not to be lost.
func (s *System) transfer(m memory, number, vectors, count, length uint64,
	move func(descriptor, *System, [][]byte) (int, error)) error {
	d, err := s.descriptors.get(number)
	if err != nil {
		return err
	}
	if _, err := m.slice(length, 4); err != nil {
		return err
	}
	s.buffers, err = m.vectors(s.buffers[:0], vectors, count)
	if err != nil {
		return err
	}
	n, err := move(d, s, s.buffers)
	if err != nil {
		return err
	}
	return m.putUint32(length, uint32(n))
}
