package crossing

import (
	"sync"
	"sync/atomic"
)

// Registry numbers live instances: C must not keep a pointer of Go's, so a call out of a guest carries a number. Reading
// takes no lock.
type Registry[Instance any] struct {
	lock  sync.Mutex
	table atomic.Pointer[[]*Instance]
}

// Add returns the instance's number, the lowest that is free.
func (r *Registry[Instance]) Add(in *Instance) int {
	r.lock.Lock()
	defer r.lock.Unlock()
	var table []*Instance
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

// Remove frees a number.
func (r *Registry[Instance]) Remove(number int) {
	r.lock.Lock()
	defer r.lock.Unlock()
	table := append([]*Instance(nil), *r.table.Load()...)
	table[number] = nil
	r.table.Store(&table)
}

// Get is the instance of a number that Add has given.
func (r *Registry[Instance]) Get(number int) *Instance { return (*r.table.Load())[number] }
