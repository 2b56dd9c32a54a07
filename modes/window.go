package modes

import (
	"errors"
	"fmt"

	"rrbench/memory"
)

// probeSize is how much the guest gives away for the host to learn where its heap begins, in bytes.
const probeSize = 16

// takeWindow has the guest's own allocator give the host a block in which the window lies, so that
// nothing else ever does. The error says why the function has none; payloads are copied then.
func (f *Function) takeWindow() error {
	if !f.movable {
		return errors.New("the engine's memories cannot move")
	}
	if err := memory.CanMove(); err != nil {
		return err
	}
	probe, err := f.allocateRegion(probeSize)
	if err != nil {
		return err
	}
	if int(probe.pointer) > memory.WindowStart {
		return fmt.Errorf("the guest's heap begins at %d, behind the window's place at %d", probe.pointer, memory.WindowStart)
	}
	block, err := f.allocateRegion(uint32(memory.WindowEnd()) - probe.pointer)
	if err != nil {
		return err
	}
	block.pointer, block.length = uint32(memory.WindowStart), uint32(memory.Window)
	err = f.checkWindow(block)
	if err == nil {
		// An allocator may have written to it.
		err = memory.Drop(block.Bytes())
	}
	if err == nil && !block.MayMove() {
		err = errors.New("too many places are in use for moving pages")
	}
	if err != nil {
		block.pointer, block.length = block.block, block.blockLength
		return errors.Join(err, f.deallocateRegion(block))
	}
	block.idle = true
	f.window = block
	return nil
}

// checkWindow says why a block is not what takeWindow has asked for.
func (f *Function) checkWindow(block *Region) error {
	if block.block > block.pointer || block.blockEnd() < block.end() {
		return fmt.Errorf("the guest's block of %d bytes at %d does not contain the window's place at %d", block.blockLength, block.block, block.pointer)
	}
	if !memory.IsWindow(block.Bytes()) {
		return errors.New("the memory does not begin where windows move as a whole: is the address space limited (ulimit -v)?")
	}
	return nil
}

// Windowless says why the function has no window, or is nil.
func (f *Function) Windowless() error { return f.windowless }

// AllocateInWindow returns a region of n bytes at the beginning of the function's window, nil where
// it has none that is free. Nothing else of the window contains anything but what the guest has
// written there against the ABI. It is released like any other, and its pages stay then.
func (f *Function) AllocateInWindow(n uint32) *Region {
	w := f.window
	if w == nil || !w.idle || f.broken != nil || uint64(n) > uint64(memory.Window) {
		return nil
	}
	w.flags = flags{live: true, moved: true}
	w.length = n
	return w
}

// emptyWindow is for a payload that the guest has kept and gives back.
func (f *Function) emptyWindow() error {
	w := f.window
	if f.lender != nil {
		f.lender.BeforeFree(w)
	}
	if memory.Blank(w.Window()) != nil {
		// Others' bytes are not for the guest's next payload; the mapping's shape is as it was.
		clear(w.Bytes())
	}
	w.kept, w.idle = false, true
	return nil
}

// Window is a view of the window if the region is that of its function's, else nil. It is valid as
// Bytes is, and nil after the function was closed.
func (r *Region) Window() []byte {
	if r != r.function.window || r.function.closed {
		return nil
	}
	return r.function.memory.Bytes()[memory.WindowStart:memory.WindowEnd():memory.WindowEnd()]
}
