//go:build wasip1

// The functions of package baselines/function as a guest of docs/guest-abi.md, whose sources make objects of
// any kind. Beyond the ABI the host calls, with the numbers of package baselines/wasi/abi,
//
//	begin(codec, kind, size i64, role)  first: what payloads will be like; role is 1 for a target, else 0,
//	                                    and 2 more where handlers change what they have read
//	delivered() -> i64                  when the handler was entered last, with a usable object
//	length() -> i64                     how long that is in memory
//
// What cannot be done is a panic, whose message the host reports.
package main

import (
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
	kind   payloads.Kind
	source *function.Source
	// object is the source's, a region that the host knows.
	object []byte

	target   *function.Target
	delivery transport.Delivery
)

func main() {}

func init() { debug.SetMemoryLimit(heapLimit) }

//go:wasmexport begin
func begin(codec, payload uint32, size int64, role uint32) {
	kind = abi.Kinds[payload]
	setup := transport.Setup{Codec: abi.Codecs[codec], Payload: kind, Size: size}
	if role&2 != 0 {
		setup.Consume = transport.ConsumeWrite
	}
	var err error
	if role&1 != 0 {
		target, err = function.NewTarget(setup)
	} else {
		source, err = function.NewSource(setup)
	}
	must(err)
}

//go:wasmexport allocate_memory
func allocateMemory(length uint32) uint32 {
	buffer, err := target.Buffer(int64(length))
	must(err)
	return addressOf(buffer)
}

//go:wasmexport deallocate_memory
func deallocateMemory(_, _ uint32) {}

//go:wasmexport produce
func produce(length uint32, seed uint64) uint32 {
	if len(object) != int(length) {
		if object != nil {
			releaseMemoryRegion(addressOf(object))
		}
		if cap(object) < int(length) {
			object = make([]byte, length)
		}
		object = object[:length]
		locateMemoryRegion(addressOf(object), length)
	}
	payloads.Fill(object, kind, seed)
	must(source.Hold(kind, seed, object))
	return addressOf(object)
}

//go:wasmexport send
func send(_, _ uint32) int32 {
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
		return source.Handle() // a rehearsal
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
