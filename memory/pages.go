// Package memory moves and copies payloads between places of memory; it knows nothing of
// transports. Transports and the limits that they are compared with use the same.
//
// Whole pages change their addresses without being copied, mremap(2); what is not a whole
// page is left to the caller. All memory handed to these functions is private and anonymous,
// readable and writable, and not in Go's heap: linear memories of engines that declare so,
// and memory that was mapped here. Nothing else uses either side of a move while it runs.
// Memory that was made to consist of a file's pages (MapShared, MapPrivate) moves in the same
// way, with the difference that what was moved away shows the file again.
package memory

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Size is the size of a page in bytes.
var Size = os.Getpagesize()

// Block is the memory that one page table describes, in bytes, on amd64 and on arm64 with
// pages of 4 KiB. Between places of the same alignment a block moves as one entry. A page
// that moves by itself is paid for again where it is touched next: on virtual machines whose
// page tables the hypervisor shadows with 4 to 5 microseconds, several times what copying it
// takes. So what a hand-off moves is blocks. Tests make them small.
var Block = 2 << 20

// Whole returns the part of memory that consists of whole pages, memory[from:to]. It is
// empty when there is none.
func Whole(memory []byte) (from, to int) { return whole(memory, Size) }

// Blocks is Whole for blocks.
func Blocks(memory []byte) (from, to int) { return whole(memory, Block) }

func whole(memory []byte, unit int) (from, to int) {
	from = int(-address(memory) & uintptr(unit-1))
	to = from + (len(memory)-from)&^(unit-1)
	if from >= len(memory) || to <= from {
		return 0, 0
	}
	return from, to
}

// Alignment is a place relative to the boundaries of blocks, or pages: all addresses that
// leave Offset when divided by Modulus, a power of two.
type Alignment struct{ Offset, Modulus uintptr }

// AlignmentOf returns the alignment that another piece of memory needs for blocks to move
// between the two.
func AlignmentOf(memory []byte) Alignment {
	return Alignment{address(memory) & uintptr(Block-1), uintptr(Block)}
}

// Before is the alignment of what begins n bytes earlier.
func (a Alignment) Before(n int) Alignment {
	return Alignment{(a.Offset - uintptr(n)) & (a.Modulus - 1), a.Modulus}
}

// Boundary is the alignment of memory of that length that begins on a page, or a block.
func Boundary(length int) Alignment {
	if length >= Block {
		return Alignment{Modulus: uintptr(Block)}
	}
	return Alignment{Modulus: uintptr(Size)}
}

// Enough is length rounded up to whole pages.
func Enough(length int) int { return (length + Size - 1) &^ (Size - 1) }

// Slack is how much longer than its content a piece of memory must be, in bytes, to have
// room for the content at this alignment wherever it begins.
func (a Alignment) Slack() uint32 { return uint32(a.Modulus) }

// Skip is the distance in bytes from the beginning of memory to the first place of this
// alignment, less than Slack.
func (a Alignment) Skip(memory []byte) int {
	return int((a.Offset - address(memory)) & (a.Modulus - 1))
}

// address is where a slice begins. It is computed with and never followed.
func address(memory []byte) uintptr {
	return uintptr(unsafe.Pointer(unsafe.SliceData(memory)))
}

// check refuses what is not whole pages: the kernel would round lengths up, over memory
// that the caller has not shown to be its own.
func check(dst, src []byte) error {
	mask := uintptr(Size - 1)
	if len(dst) != len(src) || len(dst) == 0 || (address(dst)|address(src)|uintptr(len(dst)))&mask != 0 {
		return fmt.Errorf("pages: %d bytes at %#x and %d bytes at %#x are not equally many whole pages", len(dst), address(dst), len(src), address(src))
	}
	return nil
}

// PreferLarge asks the kernel for large pages (MADV_HUGEPAGE, madvise(2)),
// best before the memory is first touched. What is shorter than a block contains none.
func PreferLarge(memory []byte) {
	if from, to := Whole(memory); to-from >= Block {
		// A kernel without large pages says EINVAL: the memory is as it was.
		_ = unix.Madvise(memory[from:to], unix.MADV_HUGEPAGE)
	}
}

// Populate makes all pages of memory present before they are needed. Linux before 5.14 cannot, which
// costs a page fault each.
func Populate(memory []byte) { _ = unix.Madvise(memory, unix.MADV_POPULATE_WRITE) }
