//go:build cgo && linux

package bridge

// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"unsafe"

	"rrbench/engines"
	"rrbench/engines/internal/crossing"
	"rrbench/foreign"
	pages "rrbench/memory"
)

// instance owns a guest in C.
//
// Invariant: guest is valid until Close, which refuses while Depth is not zero, and is used on no other
// goroutine than the one that calls the instance.
type instance struct {
	crossing.Guest
	number      int
	module      *module
	guest       *C.guest
	directCalls []*C.direct_call
}

func (m *module) Instantiate(ctx context.Context, config engines.InstanceConfig) (engines.Instance, error) {
	return crossing.Instantiate(ctx, config, m.ModuleTypes, func(guest crossing.Guest) (engines.Instance, error) {
		limit := config.Limit()
		if m.Memory != nil && m.Memory.Min*engines.PageSize > limit {
			return nil, &engines.MemoryTooLarge{Wanted: m.Memory.Min * engines.PageSize, Limit: limit}
		}
		if err := m.Retain(); err != nil {
			return nil, err
		}
		defer m.Release()
		in := &instance{Guest: guest, module: m}
		instances.add(in)
		if in.guest = C.bridge_guest_new(C.uintptr_t(in.number), C.size_t(pages.LinearPlace.Offset), C.size_t(pages.LinearPlace.Modulus)); in.guest == nil {
			instances.remove(in)
			return nil, errors.New("the C library has no memory left")
		}
		if err := in.create(limit); err != nil {
			return nil, errors.Join(err, in.Close())
		}
		return in, nil
	})
}

// create makes the guest and runs its start section.
func (in *instance) create(limit uint64) error {
	types := in.Types
	var pinned runtime.Pinner
	defer pinned.Unpin()
	imports := make([]C.import_t, len(types.Places))
	for i, place := range types.Places {
		function := types.Imported[place]
		imports[i] = C.import_t{
			module: textOf(&pinned, function.ImportModule),
			name:   textOf(&pinned, function.Name),
			_type:  signatureOf(&pinned, function),
			index:  C.uint32_t(place),
		}
	}
	var minimum, maximum uint64
	if types.Memory != nil {
		minimum, maximum = types.Memory.Min, min(types.Memory.Max, limit/engines.PageSize)
	}
	in.Depth++
	message := C.backend_instantiate(in.module.engine.backend, in.guest, in.module.compiled, unsafe.SliceData(imports), C.size_t(len(imports)),
		C.bool(types.Memory != nil), C.uint32_t(minimum), C.uint32_t(maximum))
	in.Depth--
	switch {
	case message == nil:
		return nil
	case bool(in.guest.refused) && in.Failure == nil:
		return errors.New(take(message))
	}
	return in.explain("the start function", message)
}

func textOf(pinned *runtime.Pinner, s string) C.text {
	if s == "" {
		return C.text{}
	}
	data := unsafe.StringData(s)
	pinned.Pin(data)
	return C.text{(*C.char)(unsafe.Pointer(data)), C.size_t(len(s))}
}

func signatureOf(pinned *runtime.Pinner, function engines.FunctionType) C.signature {
	list := func(types []engines.ValueType) (*C.uint8_t, C.size_t) {
		if len(types) == 0 {
			return nil, 0
		}
		data := unsafe.SliceData(types)
		pinned.Pin(data)
		return (*C.uint8_t)(unsafe.Pointer(data)), C.size_t(len(types))
	}
	var s C.signature
	s.params, s.params_length = list(function.Params)
	s.results, s.results_length = list(function.Results)
	return s
}

func (in *instance) Memory() engines.Memory {
	if !in.Types.ShowsMemory {
		return nil
	}
	return (*memory)(in)
}

func (in *instance) Close() error {
	if first, err := in.Shut(); !first {
		return err
	}
	C.backend_free_guest(in.module.engine.backend, in.guest)
	instances.remove(in)
	for _, call := range in.directCalls {
		C.free(unsafe.Pointer(call))
	}
	C.free(unsafe.Pointer(in.guest))
	in.guest, in.directCalls = nil, nil
	return nil
}

type memory instance

// Bytes needs no call: the bridge notes base and size whenever the guest has run.
func (m *memory) Bytes() []byte {
	if m.guest == nil {
		return nil
	}
	return unsafe.Slice((*byte)(m.guest.base), m.guest.size)
}

func (m *memory) Size() uint64 { return uint64(len(m.Bytes())) }

// explain makes the error of a call out of the engine's text, and frees that.
func (in *instance) explain(function string, message *C.char) error {
	text := take(message)
	for _, cause := range in.module.engine.Causes {
		if strings.Contains(text, cause[0]) {
			text = cause[1]
			break
		}
	}
	return in.Ended(function, text)
}

// take makes a line of C's text, and frees that.
func take(message *C.char) string {
	defer C.free(unsafe.Pointer(message))
	return foreign.Line(C.GoString(message), foreign.Usual)
}

type function struct {
	instance *instance
	kind     engines.FunctionType
	slots    int
	// narrowResults are the places of 32-bit values.
	narrowResults []int
	// callee and guest are C memory: as integers they pass cgo unexamined.
	callee, guest C.uintptr_t
}

func (in *instance) Function(name string) (engines.Function, bool) {
	return in.Find(name, func(kind engines.FunctionType) engines.Function {
		var pinned runtime.Pinner
		defer pinned.Unpin()
		callee := C.backend_function(in.module.engine.backend, in.guest, textOf(&pinned, name), signatureOf(&pinned, kind))
		if callee == nil {
			return nil
		}
		return &function{
			instance:      in,
			kind:          kind,
			slots:         kind.Slots(),
			narrowResults: engines.Narrow(kind.Results),
			callee:        C.uintptr_t(uintptr(callee)),
			guest:         C.uintptr_t(uintptr(unsafe.Pointer(in.guest))),
		}
	})
}

func (f *function) Type() engines.FunctionType { return f.kind }

func (f *function) Call(stack []uint64) error {
	in := f.instance
	if in.Closed || in.Depth == engines.MaxDepth || len(stack) < f.slots {
		return in.Refuse(&f.kind, len(stack))
	}
	in.Depth++
	message := C.bridge_guest_call(f.guest, f.callee, (*C.uint64_t)(unsafe.SliceData(stack)))
	in.Depth--
	if message != nil {
		return in.explain(f.kind.Name, message)
	}
	crossing.ClearUpperHalves(stack, f.narrowResults)
	return nil
}
