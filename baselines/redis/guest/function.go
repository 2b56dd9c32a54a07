//go:build wasip1

// The functions of package baselines/function as a guest of docs/guest-abi.md: as a source
// it serializes the object that lies in its memory and sends what came out; as a target it
// deserializes what it is handed before it enters the handler. Built as a reactor:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared
//
// Beyond the ABI the host calls, with the numbers of package baselines/wasi/abi,
//
//	begin(codec, kind, size i64, role)       first: what payloads will be like; role is 1
//	                                         for a target, else 0, and 2 more where handlers
//	                                         change every page of what they have read
//	object(kind, id i64)                     what the region that is sent next holds
//	delivered() -> i64, length() -> i64      of the handler's last call: when it was
//	                                         entered with a usable object, and how long
//	                                         that is in memory
//
// What cannot be done is a panic, whose message the host reports.
package main

import (
	"errors"
	"runtime/debug"
	"unsafe"

	"rrbench/baselines/function"
	"rrbench/baselines/wasi/abi"
	"rrbench/payloads"
	"rrbench/transport"
)

// heapLimit is where the garbage collector stops to let the heap double, in bytes: beyond
// 4 GiB there is no memory, however little of it is in use.
const heapLimit = 3 << 30

var (
	source *function.Source
	// flat is the memory of what the source sends.
	flat []byte
	kind payloads.Kind
	id   uint64
	// own is what the host knows of flat: an object that was made here.
	own []byte

	target   *function.Target
	delivery transport.Delivery
)

func main() {}

func init() { debug.SetMemoryLimit(heapLimit) }

//go:wasmexport begin
func begin(codec, payload uint32, size int64, role uint32) {
	setup := transport.Setup{Codec: abi.Codecs[codec], Payload: abi.Kinds[payload], Size: size}
	if role&2 != 0 {
		setup.Consume = transport.ConsumeWrite
	}
	kind = setup.Payload
	var err error
	if role&1 != 0 {
		target, err = function.NewTarget(setup)
	} else {
		source, err = function.NewSource(setup)
	}
	must(err)
}

//go:wasmexport object
func object(payload uint32, number uint64) { kind, id = abi.Kinds[payload], number }

// A source has one object and a target one serialized one: the memory that is asked for is
// theirs. There is none while it is in use.
//
//go:wasmexport allocate_memory
func allocateMemory(length uint32) uint32 {
	if target != nil {
		buffer, err := target.Buffer(int64(length))
		must(err)
		return addressOf(buffer)
	}
	if uint64(cap(flat)) < uint64(length) {
		flat = make([]byte, length)
	}
	flat = flat[:length]
	return addressOf(flat)
}

//go:wasmexport produce
func produce(length uint32, seed uint64) uint32 {
	at := allocateMemory(length)
	if len(own) == 0 || addressOf(own) != at || len(own) != len(flat) {
		if len(own) > 0 {
			releaseMemoryRegion(addressOf(own))
		}
		own = flat
		locateMemoryRegion(at, length)
	}
	id = seed
	payloads.Fill(flat, kind, id)
	return at
}

//go:wasmexport deallocate_memory
func deallocateMemory(_, _ uint32) {}

//go:wasmexport send
func send(pointer, length uint32) int32 {
	if pointer != addressOf(flat) || uint64(length) != uint64(len(flat)) {
		panic(errors.New("what is to be sent is not the object"))
	}
	must(source.Hold(kind, id, flat))
	wire, err := source.Encode()
	must(err)
	at := addressOf(wire)
	if status := locateMemoryRegion(at, uint32(len(wire))); status != 0 {
		return status
	}
	status := sendToHost(at, uint32(len(wire)))
	releaseMemoryRegion(at)
	return status
}

//go:wasmexport handle
func handle(_, _ uint32) uint64 {
	if source != nil {
		// A rehearsal: the object that lies here is handled without having been sent.
		must(source.Hold(kind, id, flat))
		return source.Handle()
	}
	must(target.Handle(&delivery))
	return delivery.Digest
}

// handle_write is handle: begin has set what handlers do.
//
//go:wasmexport handle_write
func handleWrite(pointer, length uint32) uint64 { return handle(pointer, length) }

//go:wasmexport delivered
func delivered() int64 { return delivery.Timeline.Delivered }

//go:wasmexport length
func length() uint64 { return delivery.Length }

// must reports to the host why the guest cannot go on.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func addressOf(buffer []byte) uint32 {
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(buffer))))
}

//go:wasmimport roadrunner send_to_host
func sendToHost(pointer, length uint32) int32

//go:wasmimport roadrunner locate_memory_region
func locateMemoryRegion(pointer, length uint32) int32

//go:wasmimport roadrunner release_memory_region
func releaseMemoryRegion(pointer uint32) int32
