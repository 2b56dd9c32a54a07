package memory

import (
	"errors"
	"os"
	"strings"
	"sync"
)

// Window is the memory of a function that moves as a whole, in bytes: what one table of page
// tables describes, on amd64 and on arm64 with pages of 4 KiB. Between places of the same
// alignment it moves as one entry, whatever is in it, with one flush of the processors' caches
// of addresses. Tests make it small.
var Window = 1 << 30

// WindowStart is where in a linear memory its window begins, in bytes: behind what the guest has
// there for itself, and no further. A guest with garbage collection takes all memory up to the
// window's end for its own, and lets as much garbage pile up.
var WindowStart = 64 << 20

// WindowEnd is where in a linear memory its window ends, in bytes.
func WindowEnd() int { return WindowStart + Window }

// LinearPlace is where linear memories begin, so that windows lie at multiples of their length.
var LinearPlace = Alignment{Offset: 1<<30 - 64<<20, Modulus: 1 << 30}

// ReserveWindow is Reserve for a place to and from which windows move at once.
func ReserveWindow() ([]byte, error) { return ReserveAt(Window, Alignment{Modulus: uintptr(Window)}) }

// IsWindow says that memory moves at the price of a window.
func IsWindow(memory []byte) bool {
	return len(memory) == Window && address(memory)&uintptr(Window-1) == 0 && OneMapping(memory)
}

// CanMove returns why the kernel does not move pages as Move wants it, or nil. It tries once.
var CanMove = sync.OnceValue(func() error {
	area, err := Reserve(2 * Size)
	if err != nil {
		return err
	}
	defer Free(area)
	if err := Blank(area); err != nil {
		return err
	}
	return Move(area[Size:], area[:Size])
})

// CanMapWindows returns why no memory file should be mapped as a window, or nil. Where the system
// promises no more memory than there is, a page of the file that was not allocated before may not be
// had when it is touched: that is a SIGBUS, and any guest can do it.
var CanMapWindows = sync.OnceValue(func() error {
	if text, err := os.ReadFile("/proc/sys/vm/overcommit_memory"); err == nil && strings.TrimSpace(string(text)) == "2" {
		return errors.New("the system promises no more memory than there is (vm.overcommit_memory=2)")
	}
	return nil
})
