//go:build cgo && linux

package bridge

// #include "bridge.h"
import "C"

import (
	"unsafe"

	"rrbench/engines/internal/crossing"
)

// rrbenchBridgeHost is where a guest's call of a host function arrives, on the goroutine
// that called the guest. The stack is C memory that lives as long as this call.
//
//export rrbenchBridgeHost
func rrbenchBridgeHost(number C.uintptr_t, index C.uint32_t, stack *C.uint64_t, slots C.size_t) (failed C.int) {
	in := instances.Get(int(number))
	if err := in.hosts[index].Call(in, unsafe.Slice((*uint64)(stack), slots)); err != nil {
		in.failure = err
		return 1
	}
	return 0
}

var instances crossing.Registry[instance]
