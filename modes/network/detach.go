package network

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// detachStep is how many bytes are exchanged at a time.
const detachStep = 1 << 20

// Detach gives a region fresh pages with the same content.
//
// When a spliced transfer breaks off, its connection is reset and its pipe closed, which
// drops what this host had not sent. But pages that were sent may still be referred to: by
// a network card, or, on loopback, by the receive queue of B's shim, which can still read
// them. The guest that learns of the failure is free to write to its region. So those
// pages are left to the kernel alone, and go when the last reference goes.
//
// The memory must be private pages that begin and end at a page border (as linear
// memories are: MADV_DONTNEED, madvise(2), then brings in other pages on the next touch),
// and nothing else may use it meanwhile, the rest of the first and last page included: the
// guest is suspended in send_to_host.
func Detach(region []byte) error {
	whole := wholePages(region)
	saved := make([]byte, min(detachStep, len(whole)))
	for len(whole) > 0 {
		part := whole[:min(detachStep, len(whole))]
		copy(saved, part)
		if err := unix.Madvise(part, unix.MADV_DONTNEED); err != nil {
			return fmt.Errorf("give %d bytes other pages: %w", len(part), err)
		}
		copy(part, saved)
		whole = whole[len(part):]
	}
	return nil
}

// wholePages is the region with the rest of its first and of its last page. These bytes
// belong to the same linear memory, since that begins and ends at a page border.
func wholePages(region []byte) []byte {
	mask := uintptr(os.Getpagesize() - 1)
	start := unsafe.Pointer(unsafe.SliceData(region))
	before := uintptr(start) & mask
	length := (before + uintptr(len(region)) + mask) &^ mask
	return unsafe.Slice((*byte)(unsafe.Add(start, -int(before))), length)
}
