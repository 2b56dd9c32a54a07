package network

import (
	"golang.org/x/sys/unix"

	"rrbench/memory"
	"rrbench/modes"
)

// largePageSize is what a large page has on amd64, and on arm64 with pages of 4 KiB, in
// bytes. Shorter regions contain none.
const largePageSize = 2 << 20

// largePages has the source's regions consist of large pages where the kernel has some
// (MADV_HUGEPAGE, madvise(2)). The kernel finds and counts each page that it is lent, which
// is most of what lending costs, and a large page is one of them to MSG_ZEROCOPY.
type largePages struct {
	// What was advised last, as the guest sees it.
	pointer, length uint32
}

func newLargePages() modes.Lender { return &largePages{} }

// BeforeFill gives its advice before the region's pages are first touched, as a rule.
func (l *largePages) BeforeFill(region *modes.Region) {
	if l.pointer == region.Pointer() && l.length == region.Len() {
		return
	}
	l.pointer, l.length = region.Pointer(), region.Len()
	area := region.Bytes()
	if from, to := memory.Whole(area); to-from >= largePageSize {
		// A kernel without large pages says EINVAL: the region is as it was.
		_ = unix.Madvise(area[from:to], unix.MADV_HUGEPAGE)
	}
}

// BeforeFree leaves the pages where they are: they are the function's own.
func (*largePages) BeforeFree(*modes.Region) {}
