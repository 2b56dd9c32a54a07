package memory

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// SealedFile is a memory file (memfd_create(2)) and the only mapping through which it can be
// written. That is made before the file is sealed; its pages move (Move) to where they are
// written, and back to Place.
type SealedFile struct {
	fd int
	// Place is where the pages are when they are not elsewhere.
	Place []byte
	// populated is how much of the file is there before it is needed, in bytes, and blocks what the
	// kernel counted then.
	populated int
	blocks    int64
}

// seals make the file's length final, so that no reader of it dies of SIGBUS, and keep
// every process from making another mapping that can be written through, or from writing by
// other means. See F_ADD_SEALS in fcntl(2).
const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SEAL

// NewSealedFile makes a file for the content of area, which is whole pages, with its place at an
// alignment from which pages move to area cheaply, and populates it. The caller closes the file.
func NewSealedFile(area []byte) (*SealedFile, error) {
	place, err := ReserveAt(len(area), AlignmentOf(area))
	if err != nil {
		return nil, fmt.Errorf("make a memory file for a payload: %w", err)
	}
	f, err := newSealedFile(place)
	if err != nil {
		return nil, err
	}
	if err := f.Populate(f.Place); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// NewSealedWindow makes a file that is as long as a window, with its place where windows move at
// once. It is address space: no page is there before Populate, or before it is touched. The caller
// closes the file.
func NewSealedWindow() (*SealedFile, error) {
	place, err := ReserveWindow()
	if err != nil {
		return nil, err
	}
	return newSealedFile(place)
}

// newSealedFile makes a file that is as long as its place.
func newSealedFile(place []byte) (_ *SealedFile, err error) {
	f := &SealedFile{fd: -1, Place: place}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("make a memory file for a payload: %w", err), f.Close())
		}
	}()
	if f.fd, err = createFile(); err != nil {
		return nil, err
	}
	if err := unix.Ftruncate(f.fd, int64(len(place))); err != nil {
		return nil, fmt.Errorf("make it %d bytes long: %w", len(place), err)
	}
	if err := MapShared(f.Place, f.fd, 0); err != nil {
		return nil, err
	}
	if _, err := unix.FcntlInt(uintptr(f.fd), unix.F_ADD_SEALS, seals); err != nil {
		return nil, fmt.Errorf("seal it: %w", err)
	}
	return f, nil
}

// Populate allocates the beginning of the file, whose pages are area's now, so that it needs no page
// fault later: a lack of memory is an error now and not a SIGBUS later.
// Blocks become large pages where the kernel has some (MADV_COLLAPSE, madvise(2), Linux 6.1): what
// else maps the file then has a block there with one fault.
func (f *SealedFile) Populate(area []byte) error {
	if len(area) <= f.populated {
		return nil
	}
	more := area[f.populated:]
	if first, end := Blocks(more); end > first {
		for at := first; at < end; at += Block {
			// A block is collapsed where one page of it is there, for much less than where all are.
			if err := allocate(f.fd, f.populated+at, Size); err != nil {
				return err
			}
		}
		_ = unix.Madvise(more[first:end], unix.MADV_COLLAPSE)
	}
	if err := allocate(f.fd, f.populated, len(more)); err != nil {
		return err
	}
	// Linux before 5.14 cannot.
	_ = unix.Madvise(more, unix.MADV_POPULATE_WRITE)
	f.populated, f.blocks = len(area), f.count()
	return nil
}

// Populated is how much of the file's beginning is there, in bytes.
func (f *SealedFile) Populated() int { return f.populated }

// Swollen says that more of the file is there than after Populate: it was touched elsewhere.
func (f *SealedFile) Swollen() bool { return f.count() > f.blocks }

// count is what is there of the file, in units of 512 bytes.
func (f *SealedFile) count() int64 {
	var stat unix.Stat_t
	_ = unix.Fstat(f.fd, &stat) // that fails for arguments only that are not these
	return stat.Blocks
}

// Descriptor is the open file, until Close; it is negative after that.
func (f *SealedFile) Descriptor() int { return f.fd }

// Close gives up the file and its place; the memory lives on as long as others map it.
func (f *SealedFile) Close() error {
	var err error
	if f.fd >= 0 {
		err = unix.Close(f.fd)
		f.fd = -1
	}
	place := f.Place
	f.Place = nil
	return errors.Join(err, Free(place))
}

// createFile asks for a file that cannot be executed, as some systems demand
// (vm.memfd_noexec); Linux before 6.3 knows none.
func createFile() (int, error) {
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

func allocate(fd, offset, length int) error {
	for end := offset + length; offset < end; {
		switch err := unix.Fallocate(fd, 0, int64(offset), int64(min(allocationStep, end-offset))); err {
		case nil:
			offset += allocationStep
		case unix.EINTR:
		default:
			return fmt.Errorf("allocate %d bytes of a memory file: %w", length, err)
		}
	}
	return nil
}

// FileID identifies a memory file as long as it exists.
type FileID struct{ device, inode uint64 }

// CheckSealed refuses a descriptor whose content could go away under a mapping, or that is
// shorter than size bytes: reading such a mapping ends in SIGBUS. The file must be sealed
// against becoming shorter, and against being written to by others than its maker.
func CheckSealed(fd int, size uint64) (FileID, error) {
	has, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return FileID{}, fmt.Errorf("the payload's descriptor is not of a memory file: %w", err)
	}
	if missing := seals &^ has; missing != 0 {
		return FileID{}, fmt.Errorf("the payload's memory file lacks seals %#x of %#x (fcntl(2)): its content is not safe to use", missing, seals)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return FileID{}, fmt.Errorf("ask for the size of the payload's memory file: %w", err)
	}
	if uint64(stat.Size) < size {
		return FileID{}, fmt.Errorf("the payload's memory file has %d bytes, announced are %d", stat.Size, size)
	}
	if size >= uint64(Window) {
		// Most of a window's file is not there before it is touched, and of the system's huge pages there
		// may be none left then, which is a SIGBUS.
		var system unix.Statfs_t
		if err := unix.Fstatfs(fd, &system); err != nil {
			return FileID{}, fmt.Errorf("ask for the kind of the payload's memory file: %w", err)
		}
		if system.Type != unix.TMPFS_MAGIC {
			return FileID{}, fmt.Errorf("the payload's memory file is of file system %#x, whose pages may not be there when they are touched", system.Type)
		}
	}
	return FileID{uint64(stat.Dev), stat.Ino}, nil
}

// ReadFile copies from a file, which the caller has found to be long enough.
func ReadFile(fd int, into []byte, offset int64) error {
	for len(into) > 0 {
		n, err := unix.Pread(fd, into, offset)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("read the payload's memory file: %w", err)
		case n == 0:
			return fmt.Errorf("read the payload's memory file: it ends %d bytes early", len(into))
		default:
			into, offset = into[n:], offset+int64(n)
		}
	}
	return nil
}
