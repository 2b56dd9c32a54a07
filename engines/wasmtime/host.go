//go:build cgo && !wasmer

package wasmtime

// #include "bridge.h"
import "C"

import (
	"unsafe"

	"github.com/bytecodealliance/wasmtime-go/v39"

	"rrbench/engines"
	"rrbench/engines/internal/crossing"
)

// rrbenchWasmtimeHost is where a guest's call of a host function arrives, on the goroutine
// that called the guest. The stack is C memory that lives as long as this call.
//
//export rrbenchWasmtimeHost
func rrbenchWasmtimeHost(number C.uintptr_t, index C.uint32_t, stack *C.uint64_t, slots C.size_t) (failed C.int) {
	in := instances.Get(int(number))
	if err := in.hosts[index].Call(in, unsafe.Slice((*uint64)(stack), slots)); err != nil {
		in.failure = err
		return 1
	}
	return 0
}

var instances crossing.Registry[instance]

// importHosts makes the imports of an instance that is about to be created.
func (in *instance) importHosts(resolved []engines.HostFunction) []wasmtime.AsExtern {
	in.hosts = crossing.Hosts(resolved)
	imports := make([]wasmtime.AsExtern, len(resolved))
	for i, offered := range resolved {
		kind := wasmtime.NewFuncType(nativeTypes(offered.Params), nativeTypes(offered.Results))
		function := &wasmtime.Func{}
		C.guest_import(in.guest, C.uint32_t(i), functionTypePointer(kind), (*C.wasmtime_func_t)(functionValue(function)))
		kind.Close()
		imports[i] = function
	}
	return imports
}
