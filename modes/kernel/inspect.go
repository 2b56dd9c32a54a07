package kernel

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// file tells memory files apart while they live.
type file struct{ device, inode uint64 }

// inspect refuses a descriptor whose content could go away under a mapping, or that is
// shorter than size bytes: reading such a mapping ends in SIGBUS. The file must be sealed
// against becoming shorter, and against being written to by others than its source.
func inspect(fd int, size uint64) (file, error) {
	has, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return file{}, fmt.Errorf("the payload's descriptor is not of a memory file: %w", err)
	}
	if missing := seals &^ has; missing != 0 {
		return file{}, fmt.Errorf("the payload's memory file lacks seals %#x of %#x (fcntl(2)): its content is not safe to use", missing, seals)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return file{}, fmt.Errorf("ask for the size of the payload's memory file: %w", err)
	}
	if uint64(stat.Size) < size {
		return file{}, fmt.Errorf("the payload's memory file has %d bytes, announced are %d", stat.Size, size)
	}
	return file{uint64(stat.Dev), stat.Ino}, nil
}
