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
	pointer := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(buffer))))
	buffers[pointer] = buffer
	return pointer
}

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

//go:wasmexport send
func send(pointer, length uint32) int32 { return sendToHost(pointer, length) }

//go:wasmimport roadrunner send_to_host
func sendToHost(pointer, length uint32) int32

func main() {}
