//go:build wasip1

// A function in Go, 1.24 and later, as a reactor: docs/guest-abi.md says what each export is
// for. Build it in this folder, and measure with it:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o function.wasm function.go
//
// rrbench sweep --transports user/copy,kernel/stream --sizes 1MiB --guest function.wasm
package main

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"unsafe"
)

// buffers keeps what the host was given alive; the garbage collector does not move it.
var buffers = map[uint32][]byte{}

//go:wasmexport allocate_memory
func allocateMemory(length uint32) uint32 {
	if length == 0 {
		return 0
	}
	buffer := make([]byte, length)
	pointer := address(buffer)
	buffers[pointer] = buffer
	return pointer
}

func address(memory []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(memory)))) }

//go:wasmexport deallocate_memory
func deallocateMemory(pointer, length uint32) { delete(buffers, pointer) }

func mix(lane, word uint64) uint64 {
	return bits.RotateLeft64(lane^word, 29) * 0x9E3779B97F4A7C15
}

// region finds the buffer in which the payload lies.
func region(pointer, length uint32) []byte {
	for start, buffer := range buffers {
		if skip := uint64(pointer - start); skip < uint64(len(buffer)) {
			return buffer[skip : skip+uint64(length)]
		}
	}
	panic("the payload is in no buffer")
}

//go:wasmexport handle
func handle(pointer, length uint32) uint64 {
	payload := region(pointer, length)
	lanes := [4]uint64{0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1}
	for len(payload) > 0 {
		var last [32]byte
		block := payload
		if len(block) < len(last) {
			copy(last[:], block)
			block = last[:]
		}
		for i := range lanes {
			lanes[i] = mix(lanes[i], binary.LittleEndian.Uint64(block[8*i:]))
		}
		payload = payload[min(len(last), len(payload)):]
	}
	h := uint64(length)
	for _, lane := range lanes {
		h = mix(h, lane)
	}
	return h ^ h>>32
}

//go:wasmexport handle_write
func handleWrite(pointer, length uint32) uint64 {
	digest := handle(pointer, length)
	for payload := region(pointer, length); len(payload) > 0; payload = payload[min(block, len(payload)):] {
		payload[0]++
	}
	return digest
}

// block is how far apart the marks in a payload lie.
const block = 4096

const phrase = "The roadrunner carries the words from one function to another and drops none. "

// text is a block whose mark, of 16 bytes, is still to be written.
var text = []byte(strings.Repeat(" ", 16) + strings.Repeat(phrase, block/len(phrase)+1))[:block]

// fill writes the payload of a seed.
func fill(payload []byte, seed uint64) {
	for index := uint64(1); len(payload) > 0; index++ {
		z := seed + index*0x9E3779B97F4A7C15
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		for i, mark := 0, z^z>>31; i < 16; i, mark = i+1, mark<<4 {
			text[i] = "0123456789abcdef"[mark>>60]
		}
		payload = payload[copy(payload, text):]
	}
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
	fill(region(pointer, length), seed)
	return pointer
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
