// Package pages moves memory from one place of a process to another without copying it:
// whole pages change their addresses, mremap(2), what is not a whole page is left to the
// caller. It is to moving what package bulk is to copying: transports and the limits that
// they are compared with use the same.
//
// All memory handed to this package is private and anonymous, readable and writable, and
// not in Go's heap: linear memories of engines that declare so, and memory that was mapped
// here. Nobody else uses either side of a move while it runs. Memory that was made to
// consist of a file's pages (MapShared, MapPrivate) moves in the same way, with the
// difference that what was moved away shows the file again.
package pages

import "os"

// Size is the size of a page in bytes.
var Size = os.Getpagesize()

// Whole returns the part of memory that consists of whole pages, memory[from:to]. It is
// empty when there is none.
func Whole(memory []byte) (from, to int) {
	from = int(-address(memory) & uintptr(Size-1))
	to = from + (len(memory)-from)&^(Size-1)
	if from >= len(memory) || to <= from {
		return 0, 0
	}
	return from, to
}

// Alignment is a place relative to page boundaries: all addresses that leave Offset when
// divided by Modulus, a power of two.
type Alignment struct{ Offset, Modulus uintptr }

// AlignmentOf returns the alignment that another piece of memory of the same length needs
// for pages to move between the two. Where memory is long enough to contain whole page
// tables, these shall move and not each page by itself: 100 MiB take 25 microseconds
// instead of 380.
func AlignmentOf(memory []byte) Alignment {
	boundary := Boundary(len(memory))
	boundary.Offset = address(memory) & (boundary.Modulus - 1)
	return boundary
}

// Boundary is the alignment of memory of that length that begins on a page, or a page
// table.
func Boundary(length int) Alignment {
	if length >= 2*tableReach {
		return Alignment{Modulus: tableReach}
	}
	return Alignment{Modulus: uintptr(Size)}
}

// Enough is length rounded up to whole pages.
func Enough(length int) int { return (length + Size - 1) &^ (Size - 1) }

// Slack is how much longer than its content a piece of memory must be, in bytes, to have
// room for the content at this alignment wherever it begins.
func (a Alignment) Slack() uint32 { return uint32(a.Modulus) }

// Coarse returns the weakest alignment that still lets pages move.
func (a Alignment) Coarse() Alignment {
	return Alignment{a.Offset & uintptr(Size-1), uintptr(Size)}
}

// Skip is the distance in bytes from the beginning of memory to the first place of this
// alignment, less than Slack.
func (a Alignment) Skip(memory []byte) int {
	return int((a.Offset - address(memory)) & (a.Modulus - 1))
}

// tableReach is the memory that one page table describes on amd64, and on arm64 with pages
// of 4 KiB, in bytes. Where it is wrong, moves are correct and slower.
const tableReach = 2 << 20
