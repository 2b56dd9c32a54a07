package modes

import (
	"fmt"

	"rrbench/memory"
)

// Region is the host's record of a part of a function's linear memory: allocated at the
// host's request, or made known by the guest. Records are used again, so a region must not
// be touched after its release.
type Region struct {
	function        *Function
	pointer, length uint32
	// block is what the guest's allocator returned and blockLength what it was asked for:
	// the region, or more, where the region had to begin at a certain alignment.
	block, blockLength uint32
	flags
}

// flags say what is the case with a region.
type flags struct {
	// leased: a transfer is reading it, so it can be neither sent again nor released.
	leased bool
	// located: the guest allocated it by itself and only made it known.
	located bool
	// handled: it was given to the handler. handling: the handler has not returned.
	handled, handling bool
	// kept: the guest asked to keep it after the handler.
	kept bool
	// live is false before the allocation and after the release.
	live bool
	// idle: released, but not given back to the guest yet.
	idle bool
	// moved: pages of the region have moved here or away since it was allocated.
	moved bool
	// shared: pages of the region are a file's.
	shared bool
}

// Function is the function whose memory the region lies in.
func (r *Region) Function() *Function { return r.function }

// Pointer is the region's offset in linear memory.
func (r *Region) Pointer() uint32 { return r.pointer }

// Len is the region's length in bytes.
func (r *Region) Len() uint32 { return r.length }

// Bytes is a view of the region in linear memory, not a copy. It is valid until the next
// call into this guest, which may grow the memory and so move it. It is nil after the
// function was closed.
func (r *Region) Bytes() []byte {
	if r.function.closed {
		return nil
	}
	return r.function.memory.Bytes()[r.pointer:r.end():r.end()]
}

// Kept says whether the guest keeps the region after its handler.
func (r *Region) Kept() bool { return r.kept }

// Prepared says whether this is the buffer that the host makes for payloads. Recycle puts it in order
// again when it was sent.
func (r *Region) Prepared() bool { return r.live && r == r.function.prepared && !r.located }

// Located says whether the guest allocated the region by itself.
func (r *Region) Located() bool { return r.located }

// MayMove must be true before pages of an allocated region are moved away or others are put
// in their place (package memory). It is not where memory of this engine cannot move, nor
// when so many places are in use that the process might run out of mappings. The region is
// restored (RestorePages) before the guest gets its memory back.
func (r *Region) MayMove() bool {
	if r.moved {
		return true
	}
	if !r.live || !r.function.Movable() || !memory.TakePlace() {
		return false
	}
	r.moved = true
	r.function.moved++
	return true
}

// SetShared says whether the region shows pages of a file that others map as well. They are
// not to be moved on: the function that got them would see what is written to the file later.
func (r *Region) SetShared(shared bool) { r.shared = shared }

// Shared is what SetShared has said of the region since it was allocated.
func (r *Region) Shared() bool { return r.shared }

// RestorePages undoes what moves have done to the mappings of the memory around a region. Its
// whole pages read as zeros after it. On an error the mappings stay as they are and count
// until the function is closed.
func (r *Region) RestorePages() error {
	if !r.moved || r.function.closed {
		return nil
	}
	if lender := r.function.lender; lender != nil {
		lender.BeforeFree(r)
	}
	block := r.function.memory.Bytes()[r.block:r.blockEnd()]
	from, to := memory.Whole(block)
	if err := memory.Blank(block[from:to]); err != nil {
		return fmt.Errorf("guest %s: restore the pages of the region at %d: %w", r.function.name, r.pointer, err)
	}
	r.moved = false
	r.function.moved--
	memory.ReturnPlaces(1)
	return nil
}

// blockEnd is 64 bits wide, as end is.
func (r *Region) blockEnd() uint64 { return uint64(r.block) + uint64(r.blockLength) }

// end is 64 bits wide: a region may end where a 32-bit memory does.
func (r *Region) end() uint64 { return uint64(r.pointer) + uint64(r.length) }

// inside says that [pointer, pointer+length) is not empty and within size bytes.
func inside(pointer, length uint32, size uint64) bool {
	return length != 0 && uint64(pointer)+uint64(length) <= size
}

// Lender lends pages to the regions of a function that more than this function can read:
// pages of a file, which another process maps as well.
type Lender interface {
	// BeforeFill may put other pages in the place of a buffer's (Region.MayMove), whose content is
	// about to be overwritten. What these contain the function may see: nothing but what it has
	// written itself.
	BeforeFill(region *Region)
	// BeforeFree takes lent pages out of a region before the guest gets its memory back. It is
	// called for every region that has MayMove, lent to or not, and leaves anonymous pages there.
	BeforeFree(region *Region)
}

// SetLender makes the lender known; a function has one or none. Close does not call it:
// with the memory all that was lent is unmapped.
func (f *Function) SetLender(lender Lender) { f.lender = lender }
