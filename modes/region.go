package modes

// Region is the host's record of a part of a function's linear memory: allocated at the
// host's request, or made known by the guest. Records are used again, so a region must not
// be touched after its release.
type Region struct {
	function        *Function
	pointer, length uint32
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

// end is 64 bits wide: a region may end where a 32-bit memory does.
func (r *Region) end() uint64 { return uint64(r.pointer) + uint64(r.length) }

// inside says that [pointer, pointer+length) is not empty and within size bytes.
func inside(pointer, length uint32, size uint64) bool {
	return length != 0 && uint64(pointer)+uint64(length) <= size
}
