package memory

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Bits of an entry of /proc/pid/pagemap, see
// https://docs.kernel.org/admin-guide/mm/pagemap.html.
const (
	entrySize    = 8
	entryPresent = 1 << 63
	entrySwapped = 1 << 62
	entryFile    = 1 << 61
)

// entriesRead is how many entries are read at a time.
const entriesRead = 4096

var pagemap = sync.OnceValues(func() (*os.File, error) { return os.Open("/proc/self/pagemap") })

// Revert makes whole pages that MapPrivate has mapped show the file again where they were
// written to, and returns how many that were; the others stay as they are, populated or not. buffer
// is for the work, and returned for the next time.
func Revert(memory, buffer []byte) (pages int, _ []byte, err error) {
	if err := check(memory, memory); err != nil {
		return 0, buffer, err
	}
	file, err := pagemap()
	if err != nil {
		return 0, buffer, fmt.Errorf("find pages that were written to: %w", err)
	}
	if buffer == nil {
		buffer = make([]byte, entriesRead*entrySize)
	}
	for len(memory) > 0 {
		part := memory[:min(len(memory), entriesRead*Size)]
		entries := buffer[:len(part)/Size*entrySize]
		if _, err := file.ReadAt(entries, int64(address(part)/uintptr(Size)*entrySize)); err != nil {
			return pages, buffer, fmt.Errorf("find pages that were written to: %w", err)
		}
		reverted, err := revert(part, entries)
		pages += reverted
		if err != nil {
			return pages, buffer, err
		}
		memory = memory[len(part):]
	}
	return pages, buffer, nil
}

// revert drops each run of pages that are private copies: MADV_DONTNEED has the next
// access find the file's (madvise(2)).
func revert(part, entries []byte) (pages int, err error) {
	for first := 0; len(entries) > 0; {
		run := 0
		for run*entrySize < len(entries) && isCopy(entries[run*entrySize:]) {
			run++
		}
		if run == 0 {
			first, entries = first+1, entries[entrySize:]
			continue
		}
		if err := unix.Madvise(part[first*Size:(first+run)*Size], unix.MADV_DONTNEED); err != nil {
			return pages, fmt.Errorf("drop %d pages that were written to: %w", run, err)
		}
		first, entries, pages = first+run, entries[run*entrySize:], pages+run
	}
	return pages, nil
}

// isCopy says that a page is there, or was swapped out, and is not the file's.
func isCopy(entry []byte) bool {
	bits := binary.NativeEndian.Uint64(entry)
	return bits&(entryPresent|entrySwapped) != 0 && bits&entryFile == 0
}
