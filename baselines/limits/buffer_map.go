package limits

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// mapPages maps private anonymous memory, the kind that a linear memory is, and has the
// kernel fill in all pages (MAP_POPULATE, mmap(2)).
func mapPages(size int64) ([]byte, error) {
	bytes, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map a buffer of %d bytes: %w", size, err)
	}
	return bytes, nil
}

func unmapPages(bytes []byte) error { return unix.Munmap(bytes) }
