// Package modes holds what Roadrunner's transports share: the guest ABI (docs/guest-abi.md),
// functions on any engine, and the regions of their memories that are handed over. The
// transports are in the subfolders.
//
// Nothing that a guest does ends the process: a guest that traps, exits, lies about
// pointers and lengths, frees twice or sends what is under way gets a status or makes the
// call fail that met it.
package modes

import (
	"errors"
	"fmt"
	"math"

	"rrbench/engines"
	"rrbench/engines/wasip1"
	"rrbench/memory"
	"rrbench/payloads"
	"rrbench/transport"
)

// Sender carries a region to every target, inside the guest's send_to_host. The region is
// leased meanwhile: the guest is suspended and the bytes do not change. It returns when
// every target has consumed the payload or failed: nil when all have consumed it,
// ErrDelivery when the deliveries say which have not, another error when nothing was
// delivered at all. The guest gets 0 or TransferFailed.
type Sender func(region *Region) error

// ErrDelivery is what a Sender returns when a target failed and its delivery says why.
var ErrDelivery = errors.New("a target did not get the payload")

// ErrHalt is what a Sender's error wraps when the source's guest must not run on: its call
// ends as a trap, and it cannot be called again.
var ErrHalt = errors.New("the source is halted")

// Function is an instance of a guest with the host's record of its regions. One goroutine
// at a time may use it; calls into different functions run in parallel.
type Function struct {
	name     string
	instance engines.Instance
	memory   engines.Memory
	regions  table
	sender   Sender

	allocateExport, deallocateExport, handleExport, sendExport, produceExport export

	// origin is where payloads are made, and by which side; makes is the kind that the guest can make.
	origin transport.Origin
	makes  payloads.Kind
	// prepared is the region that Send sends: the host's buffer, or memory of the guest's own.
	prepared *Region
	// ready is the size in bytes of the payload for which Recycle has made room, 0 for none.
	ready int64
	// filled: a payload lies in the prepared region and was not sent yet.
	filled bool
	// preparing: the guest runs, and it is no hand-off. producing: it makes a payload.
	preparing, producing bool
	// idle is the region released last, or nil: the next payload of its length needs no
	// call into the guest's allocator and finds warm pages. It is given back before the
	// guest is asked for another one, so it never costs memory that a payload lacks.
	idle *Region
	// sending: Send is running; sent: and the guest has called send_to_host since.
	sending, sent bool
	sendErr       error
	// direct is the call that the send under way may become, or nil.
	direct *DirectCall
	// movable: pages of the memory can move. moved counts the regions where some have.
	movable bool
	moved   int
	// lender may be nil.
	lender Lender
	// inBlocks: prepared regions shall contain as many blocks (package memory) as they can.
	inBlocks bool
	// window is the region for what moves as a whole, idle while there is nothing; nil where the
	// function has none, for the reason windowless.
	window     *Region
	windowless error
	// buffer is what read_memory_host took, at most bufferLimit bytes.
	buffer      []byte
	bufferLimit uint64
	// broken is why the guest cannot be called any more.
	broken error
	closed bool
	// system is the WASI of a guest that imports it, else nil.
	system *wasip1.System
}

// export is an exported function with the stack of its calls, so that a call allocates
// nothing.
type export struct {
	function engines.Function
	stack    [2]uint64
}

// enter calls into the guest. An error leaves the instance in no state that the ABI knows,
// so it is the last call, and fail makes the error of it. It is short so that it is part of
// its callers: returns are what a hand-off of some bytes spends its time on, because the
// processor expects none where a guest has changed the stack.
func (f *Function) enter(e *export, a, b uint64) error {
	if f.broken != nil {
		return f.broken
	}
	e.stack = [2]uint64{a, b}
	return e.function.Call(e.stack[:])
}

// call is enter with fail, and the result.
func (f *Function) call(e *export, a, b uint32) (uint64, error) {
	if err := f.enter(e, uint64(a), uint64(b)); err != nil {
		return 0, f.fail(err)
	}
	return e.stack[0], nil
}

// fail makes the error of a call that did not return, or was not made after one.
func (f *Function) fail(err error) error {
	if err == f.broken {
		return err
	}
	err = f.explain(err)
	if f.broken == nil {
		f.broken = fmt.Errorf("guest %s cannot be called after its failure: %w", f.name, err)
	}
	return fmt.Errorf("guest %s: %w", f.name, err)
}

// explain adds what the guest wrote last to the error of its call.
func (f *Function) explain(err error) error {
	if f.system == nil {
		return err
	}
	return f.system.Explain(err)
}

// Recycle makes room for the next payload, of size bytes, unless that is done already: where the
// host has a buffer for it, that of the payload before, whose pages are warm, or one of another size.
func (f *Function) Recycle(size int64) (err error) {
	switch {
	case size < 1 || size > math.MaxUint32:
		return fmt.Errorf("guest %s: a payload of %d bytes does not fit into a 32-bit memory: use 1 byte to %s", f.name, size, payloads.FormatSize(payloads.MaxSize))
	case f.broken != nil:
		return f.broken
	case f.ready == size:
		return nil
	}
	f.ready, f.filled = 0, false
	if f.origin != transport.OriginHeap {
		if err := f.makeBuffer(uint32(size)); err != nil {
			return err
		}
	}
	f.ready = size
	return nil
}

// makeBuffer has the prepared region be one of size bytes that the host has allocated.
func (f *Function) makeBuffer(size uint32) (err error) {
	f.preparing = true
	defer func() { f.preparing = false }()
	if f.prepared != nil && f.prepared.length != size {
		if err := f.Release(f.prepared); err != nil {
			return err
		}
	}
	if f.prepared == nil && f.inBlocks {
		f.prepared = f.AllocateInWindow(size)
	}
	if f.prepared == nil {
		if f.inBlocks && uint64(size) >= uint64(memory.Block) {
			f.prepared, err = f.AllocateAligned(size, memory.AlignmentOf(f.memory.Bytes()))
		} else {
			f.prepared, err = f.Allocate(size)
		}
		if err != nil {
			return err
		}
	}
	if f.lender != nil {
		f.lender.BeforeFill(f.prepared)
	}
	return nil
}

// Prepare has a payload made in the function's memory, as its origin says, in the region that the
// next Send sends. It makes room for it only where Recycle was not called.
func (f *Function) Prepare(spec payloads.Spec) error {
	if err := f.Recycle(spec.Size); err != nil {
		return err
	}
	f.filled = false
	if f.origin == transport.OriginHost {
		payloads.Fill(f.prepared.Bytes(), spec.Kind, spec.Seed)
	} else if err := f.produce(spec); err != nil {
		return err
	}
	f.filled = true
	return nil
}

// produce has the guest make a payload, and finds the region that it has made it in.
func (f *Function) produce(spec payloads.Spec) error {
	if spec.Kind != f.makes {
		return fmt.Errorf("guest %s makes payloads of kind %s by itself, not %s: use origin %s", f.name, f.makes, spec.Kind, transport.OriginHost)
	}
	f.preparing, f.producing = true, true
	err := f.enter(&f.produceExport, uint64(spec.Size), spec.Seed)
	f.preparing, f.producing = false, false
	if err != nil {
		return f.fail(err)
	}
	pointer := uint32(f.produceExport.stack[0])
	if f.origin == transport.OriginBuffer {
		if pointer != f.prepared.pointer {
			return fmt.Errorf("guest %s: produce(%d) returned %d, which is not the output buffer at %d: see %s", f.name, spec.Size, pointer, f.prepared.pointer, document)
		}
		return nil
	}
	region, status := f.regions.find(pointer)
	switch {
	case region == nil:
		return fmt.Errorf("guest %s: produce(%d) returned %d, where it has located no region: %v: see %s", f.name, spec.Size, pointer, status, document)
	case !region.located || region.leased || int64(region.length) != spec.Size:
		return fmt.Errorf("guest %s: produce(%d) returned %d, where a region of %d bytes begins that is not the payload's: see %s", f.name, spec.Size, pointer, region.length, document)
	}
	f.prepared = region
	return nil
}

// Rehearse prepares a payload and enters the handler with it, for what these take by themselves.
// There is nothing to send after it.
func (f *Function) Rehearse(spec payloads.Spec) error {
	if err := f.Prepare(spec); err != nil {
		return err
	}
	f.filled, f.preparing = false, true
	_, err := f.call(&f.handleExport, f.prepared.pointer, f.prepared.length)
	f.preparing = false
	return err
}

// PrepareInBlocks has payloads that Prepare puts into memory lie in the function's window, or else
// begin where a block does (package memory) if they are as long as one: all of a payload but its
// end can move.
func (f *Function) PrepareInBlocks() { f.inBlocks = true }

// Prepared is the region that the next Send sends, or nil.
func (f *Function) Prepared() *Region { return f.prepared }

// Send calls the guest's send export with the prepared region, which has the guest call
// send_to_host and so the Sender, once. It returns what the Sender returned, or how the
// guest misbehaved. A payload is sent once.
func (f *Function) Send() error {
	region := f.prepared
	if !f.filled || f.sender == nil {
		return fmt.Errorf("guest %s has nothing to send: load it with a sender and prepare a payload first", f.name)
	}
	f.begin()
	err := f.enter(&f.sendExport, uint64(region.pointer), uint64(region.length))
	f.sending = false
	if err == nil && f.sendErr == nil && f.sent && f.sendExport.stack[0] == uint64(OK) {
		return nil
	}
	if err != nil {
		err = f.fail(err)
	}
	return f.sendResult(region, f.sendExport.stack[0], err)
}

// begin notes that the prepared payload is under way.
func (f *Function) begin() {
	f.sending, f.sent, f.sendErr = true, false, nil
	f.filled, f.ready = false, 0
}

// sendResult judges what the guest's send export has come to.
func (f *Function) sendResult(region *Region, status uint64, err error) error {
	switch {
	case err != nil:
		return err
	case f.sendErr != nil:
		return f.sendErr
	case Status(int32(status)) != OK:
		return fmt.Errorf("guest %s: send(%d, %d) returned %v: see %s", f.name, region.pointer, region.length, Status(int32(status)), document)
	case !f.sent:
		return fmt.Errorf("guest %s: send(%d, %d) returned without calling send_to_host: see %s", f.name, region.pointer, region.length, document)
	}
	return nil
}

// Allocate returns a region of n bytes: the one released last when it has that length, else
// one that the guest allocates now. What the guest returns is checked against its memory
// and its other regions. The content is undefined.
func (f *Function) Allocate(n uint32) (*Region, error) {
	region, err := f.allocateBlock(n)
	if region != nil {
		region.pointer, region.length = region.block, n
	}
	return region, err
}

// AllocateAligned returns a region of n bytes at an alignment, for pages to move to: it
// lies inside a longer block that the guest allocates. Where the guest has no memory for
// that, or such a block would not fit into a memory at all, the region begins where it
// happens to.
func (f *Function) AllocateAligned(n uint32, alignment memory.Alignment) (*Region, error) {
	if n <= math.MaxUint32-alignment.Slack() {
		region, err := f.allocateBlock(n + alignment.Slack())
		if err == nil {
			skip := alignment.Skip(f.memory.Bytes()[region.block:region.blockEnd()])
			region.pointer, region.length = region.block+uint32(skip), n
			return region, nil
		}
		if f.broken != nil {
			return nil, err
		}
	}
	return f.Allocate(n)
}

// allocateBlock returns a region for a block of n bytes, or an error that says why there is
// none.
func (f *Function) allocateBlock(n uint32) (*Region, error) {
	if idle := f.idle; idle != nil {
		f.idle = nil
		if idle.blockLength == n && f.broken == nil {
			idle.flags = flags{live: true, moved: idle.moved}
			return idle, nil
		}
		if err := f.deallocateRegion(idle); err != nil {
			return nil, err
		}
	}
	return f.allocateRegion(n)
}

func (f *Function) allocateRegion(n uint32) (*Region, error) {
	if n == 0 {
		return nil, fmt.Errorf("guest %s: a region of 0 bytes cannot be allocated", f.name)
	}
	result, err := f.call(&f.allocateExport, n, 0)
	if err != nil {
		return nil, err
	}
	pointer := uint32(result)
	if pointer == 0 {
		return nil, fmt.Errorf("guest %s has no memory for %d bytes: allocate_memory returned 0 (memory is %d bytes)", f.name, n, f.memory.Size())
	}
	if size := f.memory.Size(); !inside(pointer, n, size) {
		return nil, fmt.Errorf("guest %s: allocate_memory(%d) returned %d, which is not inside its memory of %d bytes", f.name, n, pointer, size)
	}
	region, overlapped := f.regions.add(f, pointer, n)
	switch {
	case region != nil:
		return region, nil
	case overlapped != nil:
		return nil, fmt.Errorf("guest %s: allocate_memory(%d) returned %d, which overlaps the live region of %d bytes at %d", f.name, n, pointer, overlapped.length, overlapped.pointer)
	}
	return nil, fmt.Errorf("guest %s has %d live regions, more than the host remembers: release some", f.name, maxRegions)
}

// Handle enters the guest's handler with a region and releases the region after it,
// whatever the handler did, unless the guest keeps it.
func (f *Function) Handle(region *Region) (digest uint64, err error) {
	digest, err = f.Enter(region)
	if released := f.Release(region); err == nil {
		err = released
	}
	return digest, err
}

// Enter is the first half of Handle: it returns as soon as the handler does, so that a
// caller can read the clock in between. Release must follow.
func (f *Function) Enter(region *Region) (digest uint64, err error) {
	if !region.live || region.idle || region.handled || region.function != f {
		return 0, fmt.Errorf("guest %s: the region at %d cannot be handled: it is released, handled already, or another function's", f.name, region.pointer)
	}
	region.handled, region.handling = true, true
	err = f.enter(&f.handleExport, uint64(region.pointer), uint64(region.length))
	region.handling = false
	if err != nil {
		return 0, f.fail(err)
	}
	return f.handleExport.stack[0], nil
}

// Release ends the host's use of an allocated region, handled or not; one that the guest
// keeps stays the guest's. The guest gets the memory back at once or, for the region
// released last, when it is asked for another length. A second release is an error and
// does nothing.
func (f *Function) Release(region *Region) error {
	switch {
	case !region.live || region.idle || region.function != f:
		return fmt.Errorf("guest %s: the region at %d was released already, or is another function's", f.name, region.pointer)
	case region.leased || region.handling:
		return fmt.Errorf("guest %s: the region at %d is still in use", f.name, region.pointer)
	case region.kept:
		return nil
	}
	if region == f.prepared {
		f.prepared = nil
	}
	if region == f.window {
		region.idle = true
		return nil
	}
	if f.idle == nil {
		region.idle = true
		f.idle = region
		return nil
	}
	return f.deallocateRegion(region)
}

// deallocateRegion forgets a region before the guest frees it: the guest may allocate the
// memory again at once.
func (f *Function) deallocateRegion(region *Region) error {
	if region == f.window {
		return f.emptyWindow()
	}
	block, length := region.block, region.blockLength
	// A failure costs mappings and is counted. What others have written is not for this guest.
	if region.RestorePages() != nil {
		clear(region.Bytes())
	}
	f.regions.remove(region)
	if f.broken != nil {
		return nil
	}
	_, err := f.call(&f.deallocateExport, block, length)
	return err
}

// Movable says that the function's memory consists of pages that can move (package memory).
func (f *Function) Movable() bool { return f.movable && !f.closed }

// Memory is a view of the whole linear memory, not a copy. It is valid until the next call
// into this guest, which may grow the memory and so move it; nil after Close.
func (f *Function) Memory() []byte {
	if f.closed {
		return nil
	}
	return f.memory.Bytes()
}

// Close ends the function; its memory is gone. Closing again does nothing.
func (f *Function) Close() error {
	if f.closed {
		return nil
	}
	f.closed, f.window = true, nil
	f.broken = fmt.Errorf("guest %s is closed", f.name)
	f.buffer = nil
	memory.ReturnPlaces(f.moved)
	f.moved = 0
	return f.discard()
}

// beyondParams is how many parameters an export has at most that Call calls.
const beyondParams = 4

// Call calls an export that a guest has beyond those of the ABI, and returns its result,
// or 0 when it has none. It is for what a transport and a guest of its own agree on; the
// number of parameters must be the export's. Errors are as those of the ABI's calls.
func (f *Function) Call(name string, params ...uint64) (uint64, error) {
	if f.broken != nil {
		return 0, f.broken
	}
	function, ok := f.instance.Function(name)
	if !ok {
		return 0, fmt.Errorf("guest %s does not export %s", f.name, name)
	}
	var stack [beyondParams]uint64
	copy(stack[:], params)
	if err := function.Call(stack[:]); err != nil {
		return 0, f.fail(err)
	}
	return stack[0], nil
}
