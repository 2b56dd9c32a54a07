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

// lines is stream through the cache.
func lines(dst, src []byte) (copied int) { return inGroups(dst, src, false) }

// stream copies whole groups and returns how many bytes that was. Both slices have the same
// length, dst begins on a cache line.
func stream(dst, src []byte) (copied int) { return inGroups(dst, src, true) }

// inGroups calls either function by its name: package audit counts calls by their arguments on the stack.
func inGroups(dst, src []byte, past bool) (copied int) {
	for left := len(dst) / group; left > 0; {
		groups := min(left, groupsAtOnce)
		to, from := unsafe.SliceData(dst[copied:]), unsafe.SliceData(src[copied:])
		if past {
			copyGroups(to, from, uintptr(groups))
		} else {
			copyLines(to, from, uintptr(groups))
		}
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

// copyLines copies them with stores through the cache. Invariant: as for copyGroups.
//
//go:noescape
func copyLines(dst, src *byte, groups uintptr)
