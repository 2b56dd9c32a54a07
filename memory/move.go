package memory

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Move makes dst consist of the pages of src, which then reads as zeros; what dst consisted
// of is gone. Both are whole pages, of equal length, apart from one another, as the package
// says of all memory. The move is one system call and never leaves a gap for others to map
// into (MREMAP_DONTUNMAP, Linux 5.7). On an error src is unchanged and dst reads as zeros
// or is unchanged; the reason is the system's limit of mappings as a rule. That src is one
// mapping is the caller's to know, see OneMapping.
//
// Invariant: the caller's slices prove that all of dst and src is mapped and the caller's
// to use, so the kernel replaces nothing that belongs to anybody else.
func Move(dst, src []byte) error {
	if err := check(dst, src); err != nil {
		return err
	}
	length := uintptr(len(src))
	_, err := unix.MremapPtr(pointer(src), length, pointer(dst), length, unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED|unix.MREMAP_DONTUNMAP)
	if err == nil {
		return nil
	}
	closeGap(dst)
	return fmt.Errorf("move %d bytes of pages: %w", length, err)
}

// closeGap maps memory again if a failed move has unmapped it, which happens as a whole or
// not at all. The kernel keeps one mapping in reserve for that (vm.max_map_count), so it
// fails only where other threads map memory meanwhile.
func closeGap(memory []byte) {
	var err error
	for range 100 {
		// That fails if anything is not mapped, msync(2), and does nothing else here.
		if unix.Msync(memory, unix.MS_ASYNC) == nil {
			return
		}
		if err = mapFresh(memory); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
	// Whatever this process maps next, for the Go runtime or a library, could come to lie in
	// the middle of a linear memory.
	panic(fmt.Sprintf("pages: a move has left a gap of %d bytes in a memory, which cannot be closed: %v", len(memory), err))
}

// Blank replaces whole pages by fresh ones, which read as zeros and take no memory until
// they are written to. It also undoes what moves to and from that place have split: the
// mapping becomes one with its neighbours again. See mmap(2), MAP_FIXED.
//
// Invariant: as for Move.
func Blank(memory []byte) error {
	if len(memory) == 0 {
		return nil
	}
	if err := check(memory, memory); err != nil {
		return err
	}
	if err := mapFresh(memory); err != nil {
		return fmt.Errorf("replace %d bytes of pages: %w", len(memory), err)
	}
	return nil
}

// Reserve returns length bytes of address space for pages to move to. Until they do, it
// takes no memory and cannot be accessed. Free gives it back, with the pages in it.
func Reserve(length int) ([]byte, error) {
	base, err := unix.MmapPtr(-1, 0, nil, uintptr(length), unix.PROT_NONE, fresh)
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes of address space: %w", length, err)
	}
	return unsafe.Slice((*byte)(base), length), nil
}

// ReserveAt is Reserve at an alignment.
func ReserveAt(length int, alignment Alignment) ([]byte, error) {
	reserved, err := Reserve(length + int(alignment.Slack()))
	if err != nil {
		return nil, err
	}
	// Where an end cannot be unmapped, some address space is lost.
	skip := alignment.Skip(reserved)
	_, _ = Free(reserved[:skip]), Free(reserved[skip+length:])
	return reserved[skip : skip+length : skip+length], nil
}

// Drop frees the pages that memory consists of: it reads as zeros, and its mappings stay as they
// are (MADV_DONTNEED, madvise(2)). Nothing happens to memory without pages, in little time.
func Drop(memory []byte) error {
	if len(memory) == 0 {
		return nil
	}
	if err := unix.Madvise(memory, unix.MADV_DONTNEED); err != nil {
		return fmt.Errorf("drop %d bytes of pages: %w", len(memory), err)
	}
	return nil
}

// Free unmaps what Reserve returned.
func Free(reserved []byte) error {
	if len(reserved) == 0 {
		return nil
	}
	if err := unix.MunmapPtr(pointer(reserved), uintptr(len(reserved))); err != nil {
		return fmt.Errorf("free %d bytes of address space: %w", len(reserved), err)
	}
	return nil
}

// fresh is memory that consists of nothing until it is written to.
const fresh = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE

func mapFresh(memory []byte) error {
	_, err := unix.MmapPtr(-1, 0, pointer(memory), uintptr(len(memory)), unix.PROT_READ|unix.PROT_WRITE, fresh|unix.MAP_FIXED)
	return err
}

func pointer(memory []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(memory)) }
