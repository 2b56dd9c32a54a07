package pages

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Supported says whether pages can move on this system.
const Supported = true

// Move makes dst consist of the pages of src, which then reads as zeros; what dst consisted
// of is gone. Both are whole pages, of equal length, apart from one another, as the package
// says of all memory. The move is one system call and never leaves a gap for others to map
// into (MREMAP_DONTUNMAP, Linux 5.7). On an error src is unchanged and dst reads as zeros
// or is unchanged; the reason is the system's limit of mappings as a rule, or that src
// consists of several.
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
	// The kernel may have unmapped dst before it failed.
	if remapped := Blank(dst); remapped != nil {
		// Whatever this process maps next, for the Go runtime or a library, could come to lie
		// in the middle of a linear memory. A guest cannot bring this about: mremap(2) fails
		// for want of mappings before it touches anything.
		panic(fmt.Sprintf("pages: moving %d bytes failed (%v) and left a gap that could not be closed: %v", length, err, remapped))
	}
	return fmt.Errorf("move %d bytes of pages: %w", length, err)
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
	if err := check(memory, memory[:len(memory):len(memory)]); err != nil {
		return err
	}
	_, err := unix.MmapPtr(-1, 0, pointer(memory), uintptr(len(memory)), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("replace %d bytes of pages: %w", len(memory), err)
	}
	return nil
}

// Reserve returns length bytes of address space for pages to move to. Until they do, it
// takes no memory and cannot be accessed. Free gives it back, with the pages in it.
func Reserve(length int) ([]byte, error) {
	base, err := unix.MmapPtr(-1, 0, nil, uintptr(length), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes of address space: %w", length, err)
	}
	return unsafe.Slice((*byte)(base), length), nil
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

func pointer(memory []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(memory)) }
