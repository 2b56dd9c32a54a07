package sockets

import (
	"rrbench/memory"
	"rrbench/modes"
)

// largePages has a source's regions consist of large pages where the kernel has some. The kernel
// finds and counts each page that it is lent, which is most of what lending costs, and a large page
// is one of them to MSG_ZEROCOPY. What copies from them has fewer to find, too.
type largePages struct {
	// What was advised last, as the guest sees it.
	pointer, length uint32
}

var _ modes.Lender = (*largePages)(nil)

// BeforeFill gives its advice before the region's pages are first touched, as a rule.
func (l *largePages) BeforeFill(region *modes.Region) {
	if l.pointer != region.Pointer() || l.length != region.Len() {
		l.pointer, l.length = region.Pointer(), region.Len()
		memory.PreferLarge(region.Bytes())
	}
}

// BeforeFree leaves the pages where they are: they are the function's own.
func (*largePages) BeforeFree(*modes.Region) {}
