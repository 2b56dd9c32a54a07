package memory

import "golang.org/x/sys/unix"

// PreferLarge has the kernel make memory of large pages where it can (MADV_HUGEPAGE, madvise(2)),
// best before the memory is first touched. What is shorter than a block contains none.
func PreferLarge(memory []byte) {
	if from, to := Whole(memory); to-from >= Block {
		// A kernel without large pages says EINVAL: the memory is as it was.
		_ = unix.Madvise(memory[from:to], unix.MADV_HUGEPAGE)
	}
}

// Populate has all pages of memory there before they are needed. Linux before 5.14 cannot, which
// costs a page fault each.
func Populate(memory []byte) { _ = unix.Madvise(memory, unix.MADV_POPULATE_WRITE) }
