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
	// groupsAtOnce bounds the time that copying keeps the Go runtime from stopping this
	// goroutine: 1 MiB takes about 100 microseconds.
	groupsAtOnce = 64
)

// streamFrom is the size in bytes from which on payloads are written past the cache, and linesFrom that from
// which on the built-in copy would do so, too early: a core's own cache, about.
var (
	streamFrom = threshold(lastLevelCache() / 4)
	linesFrom  = threshold(512 << 10)
)

func threshold(size int) int {
	if !cpu.X86.HasAVX2 {
		return never
	}
	return size
}

// lines copies whole pairs of cache lines, through the cache, and returns how many bytes that was. Both slices
// have the same length, dst begins on a cache line.
func lines(dst, src []byte) (copied int) {
	for left := len(dst) / (2 * cacheLine); left > 0; {
		pairs := min(left, groupsAtOnce*group/(2*cacheLine))
		copyLines(unsafe.SliceData(dst[copied:]), unsafe.SliceData(src[copied:]), uintptr(pairs))
		copied += pairs * 2 * cacheLine
		left -= pairs
	}
	return copied
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

// copyLines copies pairs of cache lines, see stream_amd64.s. Invariant: pairs is not 0, both buffers have
// pairs*128 bytes, dst is a multiple of 64, the processor has AVX2.
//
//go:noescape
func copyLines(dst, src *byte, pairs uintptr)
