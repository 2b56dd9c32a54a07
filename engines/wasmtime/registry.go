//go:build cgo && !wasmer

package wasmtime

import (
	"sync"
	"sync/atomic"
)

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
