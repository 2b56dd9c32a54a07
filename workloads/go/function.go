//go:build wasip1

// The function that is measured, in Go: the same as workloads/c, to show that the ABI is
// no library's in particular. Built as a reactor:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared
package main

import (
	"unsafe"

	"rrbench/payloads"
)

// buffers keeps what the host was given alive: the garbage collector neither moves nor
// frees it.
var buffers = map[uint32][]byte{}

// spare is the buffer freed last. Its pages are warm, so the next allocation that fits
// gets it.
var spare []byte

//go:wasmexport allocate_memory
func allocateMemory(length uint32) uint32 {
	if length == 0 {
		return 0
	}
	buffer := spare
	// A much larger one is left for what needs it.
	if uint64(cap(buffer)) < uint64(length) || cap(buffer)/2 > int(length) {
		buffer = make([]byte, length)
	} else {
		spare = nil
	}
	buffer = buffer[:length]
	pointer := address(buffer)
	buffers[pointer] = buffer
	return pointer
}

//go:wasmexport deallocate_memory
func deallocateMemory(pointer, length uint32) {
	buffer, ok := buffers[pointer]
	if !ok {
		return
	}
	delete(buffers, pointer)
	if cap(buffer) >= cap(spare) {
		spare = buffer
	}
}

//go:wasmexport handle
func handle(pointer, length uint32) uint64 { return payloads.Digest(region(pointer, length)) }

//go:wasmexport handle_write
func handleWrite(pointer, length uint32) uint64 {
	payload := region(pointer, length)
	digest := payloads.Digest(payload)
	payloads.Rewrite(payload)
	return digest
}

// own is memory of this function for the payloads that it makes, ownLength bytes; the host knows it.
var own, ownLength uint32

// produce makes the payload where the host wants it, which spares a copy, or else in own.
//
//go:wasmexport produce
func produce(length uint32, seed uint64) uint32 {
	pointer := outputBuffer(length)
	if pointer == 0 {
		if ownLength != length {
			releaseMemoryRegion(own)
			deallocateMemory(own, ownLength)
			own, ownLength = allocateMemory(length), length
			locateMemoryRegion(own, length)
		}
		pointer = own
	}
	payloads.Fill(region(pointer, length), payloads.Text, seed)
	return pointer
}

func address(memory []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(memory)))) }

// region is the payload at pointer, which begins inside a buffer or where one does.
func region(pointer, length uint32) []byte {
	for start, buffer := range buffers {
		if skip := uint64(pointer - start); skip < uint64(len(buffer)) {
			return buffer[skip : skip+uint64(length)]
		}
	}
	return buffers[pointer][:length] // a panic that says why
}

//go:wasmexport send
func send(pointer, length uint32) int32 { return sendToHost(pointer, length) }

//go:wasmimport roadrunner send_to_host
func sendToHost(pointer, length uint32) int32

//go:wasmimport roadrunner output_buffer
func outputBuffer(length uint32) uint32

//go:wasmimport roadrunner locate_memory_region
func locateMemoryRegion(pointer, length uint32) int32

//go:wasmimport roadrunner release_memory_region
func releaseMemoryRegion(pointer uint32) int32

func main() {}
