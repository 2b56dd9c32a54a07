//go:build cgo && linux

package bridge

// #include "bridge.h"
import "C"

import (
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// rrbenchBridgeHost is where a guest's call of a host function arrives, on the goroutine
// that called the guest. The stack is C memory that lives as long as this call.
//
//export rrbenchBridgeHost
func rrbenchBridgeHost(number C.uintptr_t, index C.uint32_t, stack *C.uint64_t, slots C.size_t) (failed C.int) {
	in := (*instances.table.Load())[number]
	if err := in.Hosts[index].Call(in, unsafe.Slice((*uint64)(stack), slots)); err != nil {
		in.Failure = err
		return 1
	}
	return 0
}

// instances has numbers for those that live: C must not keep a pointer of Go's, so a call out of a guest carries a
// number. Reading takes no lock.
var instances registry

type registry struct {
	lock  sync.Mutex
	table atomic.Pointer[[]*instance]
}

// add gives the instance the lowest number that is free.
func (r *registry) add(in *instance) {
	r.lock.Lock()
	defer r.lock.Unlock()
	var table []*instance
	if present := r.table.Load(); present != nil {
		table = slices.Clone(*present)
	}
	if in.number = slices.Index(table, nil); in.number < 0 {
		in.number = len(table)
		table = append(table, nil)
	}
	table[in.number] = in
	r.table.Store(&table)
}

// remove frees an instance's number.
func (r *registry) remove(in *instance) {
	r.lock.Lock()
	defer r.lock.Unlock()
	table := slices.Clone(*r.table.Load())
	table[in.number] = nil
	r.table.Store(&table)
}
