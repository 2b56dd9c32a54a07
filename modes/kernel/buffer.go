package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"rrbench/memory"
)

// buffer is a memory file (memfd_create(2)) and the only mapping through which it can be
// written. That is made before the file is sealed, and moves between a source's linear
// memory and a place of its own, populated as it is.
type buffer struct {
	// id is the ID of references to the buffer.
	id uint64
	fd int
	// park is where the pages are when they are not in linear memory.
	park, reserved []byte
	// holders is the number of targets that hold the content.
	holders int
}

// seals make the file's length final, so that no reader of it dies of SIGBUS, and keep
// everybody from making another mapping that can be written through, or from writing by
// other means. See F_ADD_SEALS in fcntl(2).
const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SEAL

// newBuffer makes a buffer for the content of memory, which is whole pages, with its park
// at an alignment from which pages move to memory cheaply. All memory of the file is
// allocated here: an error now and not a SIGBUS later is what a lack of it leads to.
func newBuffer(id uint64, area []byte) (_ *buffer, err error) {
	b := &buffer{id: id, fd: -1}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("make a memory file for a payload: %w", err), b.close())
		}
	}()
	alignment := memory.AlignmentOf(area)
	if b.reserved, err = memory.Reserve(len(area) + int(alignment.Slack())); err != nil {
		return nil, err
	}
	skip := alignment.Skip(b.reserved)
	b.park = b.reserved[skip : skip+len(area) : skip+len(area)]
	if b.fd, err = createMemoryFile(); err != nil {
		return nil, err
	}
	if err := unix.Ftruncate(b.fd, int64(len(area))); err != nil {
		return nil, fmt.Errorf("make it %d bytes long: %w", len(area), err)
	}
	if err := allocate(b.fd, int64(len(area))); err != nil {
		return nil, fmt.Errorf("allocate %d bytes: %w", len(area), err)
	}
	if err := memory.MapShared(b.park, b.fd, 0); err != nil {
		return nil, err
	}
	if _, err := unix.FcntlInt(uintptr(b.fd), unix.F_ADD_SEALS, seals); err != nil {
		return nil, fmt.Errorf("seal it: %w", err)
	}
	// Populated now, no page needs a fault later. Linux before 5.14 cannot.
	_ = unix.Madvise(b.park, unix.MADV_POPULATE_WRITE)
	return b, nil
}

// createMemoryFile asks for a file that cannot be executed, as some systems demand
// (vm.memfd_noexec); Linux before 6.3 knows none.
func createMemoryFile() (int, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("rrbench-payload", flags|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate("rrbench-payload", flags)
	}
	if err != nil {
		return -1, err
	}
	return fd, nil
}

// allocationStep is how much is allocated at once: a signal undoes a step, fallocate(2).
const allocationStep = 16 << 20

func allocate(fd int, length int64) error {
	for done := int64(0); done < length; {
		step := min(allocationStep, length-done)
		switch err := unix.Fallocate(fd, 0, done, step); err {
		case nil:
			done += step
		case unix.EINTR:
		default:
			return err
		}
	}
	return nil
}

// close gives up the file and its park; the memory lives on as long as others map it.
func (b *buffer) close() error {
	var err error
	if b.fd >= 0 {
		err = unix.Close(b.fd)
		b.fd = -1
	}
	reserved := b.reserved
	b.reserved, b.park = nil, nil
	return errors.Join(err, memory.Free(reserved))
}
