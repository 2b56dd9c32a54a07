package memory

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// MapShared makes whole pages of memory those of a file from offset on: what is written
// there is written to the file. On an error memory is unchanged or reads as zeros.
//
// Invariant: as for Move. The file is at least as long as the end of the mapping, and
// sealed against becoming shorter (F_SEAL_SHRINK, fcntl(2)), or an access kills the process.
func MapShared(memory []byte, fd int, offset int64) error {
	return mapFile(memory, fd, offset, unix.MAP_SHARED)
}

// MapPrivate makes whole pages of memory show those of a file from offset on; a page that
// is written to becomes private to this memory. A page that was not shows what others write
// to the file. On an error memory is unchanged or reads as zeros.
//
// Invariant: as for MapShared.
func MapPrivate(memory []byte, fd int, offset int64) error {
	return mapFile(memory, fd, offset, unix.MAP_PRIVATE|unix.MAP_NORESERVE)
}

// Detach gives memory that MapPrivate has mapped pages of its own, with the content that it
// has: what is written to the file does not show in it any more. It takes no mapping, but
// as many pages as there are (MADV_POPULATE_WRITE, madvise(2)).
func Detach(memory []byte) error {
	if err := unix.Madvise(memory, unix.MADV_POPULATE_WRITE); err != nil {
		return fmt.Errorf("give %d bytes of a mapped file pages of their own: %w", len(memory), err)
	}
	return nil
}

func mapFile(memory []byte, fd int, offset int64, flags int) error {
	if err := check(memory, memory); err != nil {
		return err
	}
	_, err := unix.MmapPtr(fd, offset, pointer(memory), uintptr(len(memory)), unix.PROT_READ|unix.PROT_WRITE, flags|unix.MAP_FIXED)
	if err == nil {
		return nil
	}
	// Where there are too many mappings, the kernel refuses at once as a rule, and memory is
	// still mapped. msync(2) fails if it is not, and has nothing to do otherwise.
	if unix.Msync(memory, unix.MS_ASYNC) != nil {
		if remapped := Blank(memory); remapped != nil {
			panic(fmt.Sprintf("pages: mapping %d bytes of a file failed (%v) and left a gap that could not be closed: %v", len(memory), err, remapped))
		}
	}
	return fmt.Errorf("map %d bytes of a file: %w", len(memory), err)
}
