package memory

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

const (
	// group is what the inner loop copies as a whole: four pages, a line of each in turn,
	// which keeps four DRAM rows open and four hardware prefetchers busy. The same is done
	// by glibc, sysdeps/x86_64/multiarch/memmove-vec-unaligned-erms.S, large_memcpy_4x.
	group = 4 * 4096
	// groupsAtOnce bounds the time that copyGroups keeps the Go runtime from stopping this
	// goroutine: 1 MiB takes about 100 microseconds.
	groupsAtOnce = 64
)

// streamFrom is the size in bytes from which on payloads are written past the cache.
var streamFrom = threshold()

func threshold() int {
	if !cpu.X86.HasAVX2 {
		return never
	}
	return lastLevelCache() / 4
}

// stream copies whole groups and returns how many bytes that was. Both slices have the same
// length, dst begins on a cache line.
func stream(dst, src []byte) (copied int) {
	for left := len(dst) / group; left > 0; {
		groups := min(left, groupsAtOnce)
		copyGroups(unsafe.SliceData(dst[copied:]), unsafe.SliceData(src[copied:]), uintptr(groups))
		copied += groups * group
		left -= groups
	}
	return copied
}

// copyGroups copies groups of 16 KiB with non-temporal stores, see
// stream_amd64.s. Invariant: groups is not 0, both buffers have groups*group bytes, dst is
// a multiple of 64, the processor has AVX2.
//
//go:noescape
func copyGroups(dst, src *byte, groups uintptr)
