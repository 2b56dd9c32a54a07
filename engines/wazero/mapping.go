package wazero

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	pages "rrbench/memory"
)

// guard is the inaccessible rest of a reservation in bytes, so that an overrun of the host
// faults where it happens.
const guard = 1 << 20

// linearMemory is a linear memory at the front of one private anonymous mapping that is
// as long as the memory may ever become. See mmap(2), mprotect(2).
//
// Invariant: region covers exactly one mapping that this value alone unmaps, from
// newLinearMemory to Free; [0, len(view)) is accessible, the rest is not; view begins where
// region does and len(view) never shrinks before Free. What is moved into the middle of
// the mapping and back out of it by others must leave it private, anonymous and readable.
type linearMemory struct {
	region []byte
	view   []byte
	limit  uint64
}

// newLinearMemory reserves address space for limit bytes. No memory is used before it is
// written to.
func newLinearMemory(limit uint64) (*linearMemory, error) {
	length := int(limit) + guard
	region, err := pages.ReserveAt(length, pages.LinearPlace)
	if err != nil {
		// There may be room for the memory at a place where less of it can move at a time.
		region, err = pages.ReserveAt(length, pages.Boundary(pages.Block))
	}
	if err != nil {
		return nil, fmt.Errorf("linear memory: %w (raise ulimit -v or vm.max_map_count, or lower the memory limit)", err)
	}
	return &linearMemory{region: region, limit: limit}, nil
}

// Reallocate makes the first size bytes accessible and returns them, nil when it cannot.
func (r *linearMemory) Reallocate(size uint64) []byte {
	if r.region == nil || size > r.limit {
		return nil
	}
	if present := uint64(len(r.view)); size > present {
		if err := unix.Mprotect(r.region[present:size], unix.PROT_READ|unix.PROT_WRITE); err != nil {
			return nil
		}
		r.view = r.region[:size:size]
	}
	return r.region[:size:size]
}

// Free unmaps the memory; wazero and the instance both call it.
func (r *linearMemory) Free() {
	if r.region == nil {
		return
	}
	// munmap(2) fails for arguments only that mmap(2) did not return.
	_ = unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(r.region)), uintptr(len(r.region)))
	r.region, r.view = nil, nil
}
