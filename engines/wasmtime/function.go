//go:build cgo && !wasmer

package wasmtime

// #include "bridge.h"
import "C"

import (
	"runtime"
	"unsafe"

	"rrbench/engines"
	"rrbench/engines/internal/crossing"
)

type function struct {
	instance *instance
	kind     engines.FunctionType
	slots    int
	// narrowParams and narrowResults are the places of 32-bit values.
	narrowParams, narrowResults []int
	// store and callee are the wasmtime_func_t, guest is instance.guest: as integers they
	// pass cgo unexamined. callee is C memory in the store.
	store  C.uint64_t
	callee C.uintptr_t
	guest  C.uintptr_t
}

var _ engines.Function = (*function)(nil)

func (in *instance) Function(name string) (engines.Function, bool) {
	if f, ok := in.functions[name]; ok {
		return f, true
	}
	if in.closed || in.exports == nil {
		return nil, false
	}
	exported := in.exports.GetFunc(in.store, name)
	if exported == nil {
		return nil, false
	}
	kind, ok := functionType(name, exported.Type(in.store))
	if !ok {
		return nil, false
	}
	value := (*C.wasmtime_func_t)(functionValue(exported))
	f := &function{
		instance:      in,
		kind:          kind,
		slots:         kind.Slots(),
		narrowParams:  engines.Narrow(kind.Params),
		narrowResults: engines.Narrow(kind.Results),
		store:         value.store_id,
		callee:        C.uintptr_t(uintptr(value.private_)),
		guest:         C.uintptr_t(uintptr(unsafe.Pointer(in.guest))),
	}
	in.functions[name] = f
	return f, true
}

func (f *function) Type() engines.FunctionType { return f.kind }

func (f *function) Call(stack []uint64) error {
	in := f.instance
	if in.closed || in.depth == engines.MaxDepth || len(stack) < f.slots {
		return crossing.Refuse(&f.kind, in.name, in.closed, len(stack))
	}
	in.depth++
	outcome := C.guest_call(f.guest, f.store, f.callee, (*C.uint64_t)(unsafe.SliceData(stack)), C.size_t(f.slots))
	in.depth--
	runtime.KeepAlive(in)
	if outcome.trap != nil || outcome.error != nil {
		return in.explain(f.kind.Name, outcome)
	}
	crossing.ClearUpperHalves(stack, f.narrowResults)
	return nil
}
