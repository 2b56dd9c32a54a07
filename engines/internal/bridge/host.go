//go:build cgo && linux && (wasmer || v8 || wasmedge)

package bridge

// #include "bridge.h"
import "C"

import (
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"rrbench/engines"
)

// host is a host function as an instance calls it.
type host struct {
	handler      func(caller engines.Instance, stack []uint64) error
	narrowParams []int
	path         string
	signature    engines.FunctionType
}

func makeHosts(resolved []engines.HostFunction) []host {
	hosts := make([]host, len(resolved))
	for i, offered := range resolved {
		hosts[i] = host{
			handler:      offered.Handler,
			narrowParams: engines.Narrow(offered.Params),
			path:         offered.Module + "." + offered.Name,
			signature:    offered.FunctionType,
		}
	}
	return hosts
}

// rrbenchBridgeHost is where a guest's call of a host function arrives, on the goroutine
// that called the guest. The stack is C memory that lives as long as this call.
//
//export rrbenchBridgeHost
func rrbenchBridgeHost(number C.uintptr_t, index C.uint32_t, stack *C.uint64_t, slots C.size_t) (failed C.int) {
	in := instances.get(int(number))
	h := &in.hosts[index]
	returned := false
	// A panic must not pass through an engine's frames: nothing would put its books right.
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

// registry numbers the live instances: C must not keep a pointer of Go's, so a call out of
// a guest carries a number. Reading takes no lock.
type registry struct {
	lock  sync.Mutex
	table atomic.Pointer[[]*instance]
}

var instances registry

func (r *registry) add(in *instance) int {
	r.lock.Lock()
	defer r.lock.Unlock()
	var table []*instance
	if present := r.table.Load(); present != nil {
		table = append(table, *present...)
	}
	number := 0
	for number < len(table) && table[number] != nil {
		number++
	}
	if number == len(table) {
		table = append(table, nil)
	}
	table[number] = in
	r.table.Store(&table)
	return number
}

func (r *registry) remove(number int) {
	r.lock.Lock()
	defer r.lock.Unlock()
	table := append([]*instance(nil), *r.table.Load()...)
	table[number] = nil
	r.table.Store(&table)
}

func (r *registry) get(number int) *instance { return (*r.table.Load())[number] }
