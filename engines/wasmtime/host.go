//go:build cgo && !wasmer

package wasmtime

// #include "bridge.h"
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/bytecodealliance/wasmtime-go/v39"

	"rrbench/engines"
)

// host is a host function as an instance calls it.
type host struct {
	handler      func(caller engines.Instance, stack []uint64) error
	narrowParams []int
	path         string
	signature    engines.FunctionType
}

// rrbenchWasmtimeHost is where a guest's call of a host function arrives, on the goroutine
// that called the guest. The stack is C memory that lives as long as this call.
//
//export rrbenchWasmtimeHost
func rrbenchWasmtimeHost(number C.uintptr_t, index C.uint32_t, stack *C.uint64_t, slots C.size_t) (failed C.int) {
	in := instances.get(int(number))
	h := &in.hosts[index]
	returned := false
	// A panic must not pass through Wasmtime's frames: nothing would put its books right.
	defer func() {
		if !returned {
			in.failure = fmt.Errorf("panic in a host function: %s: %v", h.path, recover())
			failed = 1
		}
	}()
	values := unsafe.Slice((*uint64)(stack), slots)
	clearUpperHalves(values, h.narrowParams)
	err := h.handler(in, values)
	returned = true
	if err == nil {
		return 0
	}
	in.failure = err
	if _, exit := err.(*engines.Exit); !exit {
		in.failure = fmt.Errorf("host function %s: %w", h.path, err)
	}
	return 1
}

// importHosts makes the imports of an instance that is about to be created.
func (in *instance) importHosts(resolved []engines.HostFunction) []wasmtime.AsExtern {
	in.hosts = make([]host, len(resolved))
	imports := make([]wasmtime.AsExtern, len(resolved))
	for i, offered := range resolved {
		in.hosts[i] = host{
			handler:      offered.Handler,
			narrowParams: engines.Narrow(offered.Params),
			path:         offered.Module + "." + offered.Name,
			signature:    offered.FunctionType,
		}
		kind := wasmtime.NewFuncType(nativeTypes(offered.Params), nativeTypes(offered.Results))
		function := &wasmtime.Func{}
		C.guest_import(in.guest, C.uint32_t(i), functionTypePointer(kind), (*C.wasmtime_func_t)(functionValue(function)))
		kind.Close()
		imports[i] = function
	}
	return imports
}
