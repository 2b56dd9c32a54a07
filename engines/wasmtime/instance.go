//go:build cgo && !wasmer

package wasmtime

// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/bytecodealliance/wasmtime-go/v39"

	"rrbench/engines"
	"rrbench/engines/internal/crossing"
)

// instance owns a store of its own, with everything that belongs to the guest in it.
//
// Invariant: store and guest are valid until Close, which refuses while depth is not zero;
// guest refers to the store and is used on no other goroutine than the one that calls the
// instance. Code that passes either to C keeps the instance alive until C returns.
type instance struct {
	name        string
	number      int
	store       *wasmtime.Store
	guest       *C.guest
	exports     *wasmtime.Instance
	hosts       []crossing.Host
	memory      *memory
	functions   map[string]*function
	directCalls []*C.direct_call
	// failure is what ended the call that is being unwound.
	failure error
	depth   int
	closed  bool
}

var _ engines.Instance = (*instance)(nil)

const memoryName = "memory"

func (m *module) Instantiate(ctx context.Context, config engines.InstanceConfig) (engines.Instance, error) {
	return crossing.Instantiate(ctx, config, m.imports, func(resolved []engines.HostFunction) (engines.Instance, error) {
		limit := config.Limit()
		if m.declared > limit {
			return nil, &engines.MemoryTooLarge{Wanted: m.declared, Limit: limit}
		}
		release, err := m.gate.Borrow()
		if err != nil {
			return nil, err
		}
		defer release()
		in, err := m.prepare(config)
		if err != nil {
			return nil, err
		}
		if err := in.create(m, resolved, limit); err != nil {
			return nil, errors.Join(err, in.Close())
		}
		return in, nil
	})
}

// prepare makes the store of an instance.
func (m *module) prepare(config engines.InstanceConfig) (*instance, error) {
	in := &instance{
		name:      config.Name,
		store:     wasmtime.NewStore(m.runtime),
		functions: map[string]*function{},
	}
	const keep = -1
	in.store.Limiter(int64(config.Limit()), keep, keep, keep, keep)
	in.number = instances.Add(in)
	in.guest = C.guest_new(unsafe.Pointer(in.store.Context()), C.uintptr_t(in.number))
	if in.guest == nil {
		instances.Remove(in.number)
		in.store.Close()
		return nil, errors.New("the C library has no memory left")
	}
	return in, nil
}

func (in *instance) create(m *module, resolved []engines.HostFunction, limit uint64) error {
	once := in.importHosts(resolved)
	imports := make([]wasmtime.AsExtern, len(m.places))
	for i, place := range m.places {
		imports[i] = once[place]
	}
	in.depth++
	exports, err := wasmtime.NewInstance(in.store, m.compiled, imports)
	in.depth--
	runtime.KeepAlive(in)
	if err != nil {
		return in.explainInstantiation(err, limit)
	}
	in.exports = exports
	if export := exports.GetExport(in.store, memoryName); export != nil {
		if exported := export.Memory(); exported != nil {
			C.guest_set_memory(in.guest, *(*C.wasmtime_memory_t)(memoryValue(exported)))
			in.memory = &memory{in}
		}
		export.Close()
	}
	return nil
}

func (in *instance) Memory() engines.Memory {
	if in.memory == nil && !in.startedWithMemory() {
		return nil
	}
	return in.memory
}

// startedWithMemory finds the memory of an instance whose start section is running.
func (in *instance) startedWithMemory() bool {
	if in.closed || in.guest.memory_state != C.guest_memory_present {
		return false
	}
	in.memory = &memory{in}
	return true
}

func (in *instance) Close() error {
	if in.closed {
		return nil
	}
	if in.depth > 0 {
		return fmt.Errorf("close %s: a call into it is running: let it return first", in.name)
	}
	in.closed = true
	in.store.Close()
	instances.Remove(in.number)
	for _, call := range in.directCalls {
		C.free(unsafe.Pointer(call))
	}
	C.free(unsafe.Pointer(in.guest))
	in.guest, in.directCalls = nil, nil
	return nil
}

type memory struct{ instance *instance }

var _ engines.Memory = (*memory)(nil)

// Bytes needs no call: the bridge notes base and size whenever the guest has run.
func (m *memory) Bytes() []byte {
	guest := m.instance.guest
	if guest == nil {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(guest.base)), guest.size)
}

func (m *memory) Size() uint64 {
	guest := m.instance.guest
	if guest == nil {
		return 0
	}
	return uint64(guest.size)
}
