package modes

import (
	"errors"

	"rrbench/engines"
	"rrbench/transport"
)

// hostFunctions are what the host offers to the guest of this function.
func (f *Function) hostFunctions() []engines.HostFunction {
	return []engines.HostFunction{
		f.offer(sendName, two, NotPossible, (*Function).sendToHost),
		f.offer(locateName, two, NotPossible, (*Function).locate),
		f.offer("keep_memory_region", one, NotPossible, (*Function).keep),
		f.offer("release_memory_region", one, NotPossible, (*Function).giveBack),
		f.offer("read_memory_host", two, NotPossible, (*Function).readMemory),
		f.offer("write_memory_host", two, NotPossible, (*Function).writeMemory),
		f.offer(bufferName, one, noBuffer, (*Function).outputBuffer),
	}
}

// noBuffer is the pointer that says that there is no output buffer.
const noBuffer Status = 0

// offer makes a host function, which answers early while the guest's initializer runs: the host
// knows no memory yet.
func (f *Function) offer(name string, params []engines.ValueType, early Status, call func(f *Function, stack []uint64) (Status, error)) engines.HostFunction {
	return engines.HostFunction{
		Module:       hostModule,
		FunctionType: engines.FunctionType{Name: name, Params: params, Results: one},
		Handler: func(_ engines.Instance, stack []uint64) error {
			status, err := early, error(nil)
			if f.direct != nil && f.direct.interrupted() {
				f.sent = true
			}
			if f.memory != nil {
				status, err = call(f, stack)
			}
			stack[0] = uint64(uint32(status))
			return err
		},
	}
}

// sendToHost leases a region while the sender carries it to every target.
func (f *Function) sendToHost(stack []uint64) (Status, error) {
	pointer, length := uint32(stack[0]), uint32(stack[1])
	region, status := f.prepared, OK
	if region == nil || region.pointer != pointer {
		region, status = f.regions.find(pointer)
	}
	switch {
	case region != nil && region.length == length:
		// A region lies inside the memory, which never shrinks.
	case !inside(pointer, length, f.memory.Size()):
		return Invalid, nil
	case region == nil:
		return status, nil
	default:
		return LengthDiffers, nil
	}
	switch {
	case region.leased:
		return Leased, nil
	case f.sender == nil || f.preparing || f.sending && f.sent:
		return NotPossible, nil
	}
	f.sent = true
	region.leased = true
	err := f.sender(region)
	region.leased = false
	if err == nil {
		if f.sendErr != nil {
			f.sendErr = nil
		}
		return OK, nil
	}
	f.sendErr = err
	if errors.Is(err, ErrHalt) {
		return TransferFailed, err
	}
	return TransferFailed, nil
}

// locate records memory that the guest allocated by itself. Doing so twice is no fault.
func (f *Function) locate(stack []uint64) (Status, error) {
	pointer, length := uint32(stack[0]), uint32(stack[1])
	if !inside(pointer, length, f.memory.Size()) {
		return Invalid, nil
	}
	region, overlapped := f.regions.add(f, pointer, length)
	switch {
	case region != nil:
		region.located = true
		return OK, nil
	case overlapped == nil:
		return NoMemory, nil
	case overlapped.leased:
		return Leased, nil
	case overlapped.idle:
		return NotPossible, nil
	case overlapped.pointer != pointer:
		return Invalid, nil
	case overlapped.length != length:
		return LengthDiffers, nil
	}
	return OK, nil
}

// outputBuffer returns where the host wants the payload that the guest is making.
func (f *Function) outputBuffer(stack []uint64) (Status, error) {
	if length := uint32(stack[0]); f.producing && f.origin == transport.OriginBuffer && length == f.prepared.length {
		return Status(int32(f.prepared.pointer)), nil
	}
	return noBuffer, nil
}

// keep lets the guest have the region that its handler was given.
func (f *Function) keep(stack []uint64) (Status, error) {
	region, status := f.regions.find(uint32(stack[0]))
	if region == nil {
		return status, nil
	}
	if !region.handling {
		return NotPossible, nil
	}
	region.kept = true
	return OK, nil
}

// giveBack ends what keep or locate began. A kept region is deallocated by the host, as it
// would have been without being kept: at once, or when the handler returns.
func (f *Function) giveBack(stack []uint64) (Status, error) {
	region, status := f.regions.find(uint32(stack[0]))
	switch {
	case region == nil:
		return status, nil
	case region.leased:
		return Leased, nil
	case region.located:
		if region == f.prepared {
			f.prepared, f.filled = nil, false
		}
		f.regions.remove(region)
		return OK, nil
	case !region.kept:
		return NotPossible, nil
	}
	region.kept = false
	if region.handling {
		return OK, nil
	}
	return OK, f.deallocateRegion(region)
}

// readMemory takes a copy of guest memory into the function's host buffer, which is bounded
// by itself: what a guest has never written takes no memory there, but would here.
func (f *Function) readMemory(stack []uint64) (Status, error) {
	pointer, length := uint32(stack[0]), uint32(stack[1])
	switch {
	case !inside(pointer, length, f.memory.Size()):
		return Invalid, nil
	case uint64(length) > f.bufferLimit:
		return NoMemory, nil
	case uint64(length) > uint64(cap(f.buffer)):
		// Doubled, so that all the buffers before take no more than this one.
		f.buffer = make([]byte, 0, min(max(uint64(length), 2*uint64(cap(f.buffer))), f.bufferLimit))
	}
	end := uint64(pointer) + uint64(length)
	f.buffer = append(f.buffer[:0], f.memory.Bytes()[pointer:end]...)
	return OK, nil
}

// writeMemory copies the host buffer into guest memory, at most length bytes, and returns
// how many it were; lengths of 2 GiB and more have no such number.
func (f *Function) writeMemory(stack []uint64) (Status, error) {
	pointer, length := uint32(stack[0]), uint32(stack[1])
	if !inside(pointer, length, f.memory.Size()) || int32(length) < 0 {
		return Invalid, nil
	}
	length = uint32(min(uint64(length), uint64(len(f.buffer))))
	if length == 0 {
		return 0, nil
	}
	if f.regions.anyLeased(pointer, length) {
		return Leased, nil
	}
	end := uint64(pointer) + uint64(length)
	return Status(copy(f.memory.Bytes()[pointer:end], f.buffer)), nil
}
