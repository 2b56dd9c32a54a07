package user

import (
	"crypto/rand"
	"fmt"
	"sync"

	"rrbench/modes"
	"rrbench/modes/kernel"
	"rrbench/transport"
)

// targets are the functions that this process serves, by random addresses:
// only the holder of an endpoint can name its target.
var targets = registry{byAddress: map[string]*target{}}

type registry struct {
	lock      sync.Mutex
	byAddress map[string]*target
}

func (r *registry) add(m *mode, function *modes.Function) *target {
	t := &target{mode: m, address: rand.Text(), function: function, movable: function.Movable()}
	if err := function.Windowless(); err != nil {
		t.windowless = err.Error()
	}
	if m.moves() && t.movable {
		t.local = kernel.NewLocalTarget(function)
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	r.byAddress[t.address] = t
	return t
}

func (r *registry) remove(t *target) {
	r.lock.Lock()
	defer r.lock.Unlock()
	delete(r.byAddress, t.address)
}

// find returns the targets of a route. A function that is named twice could not receive
// both payloads at once, so that is refused.
func (r *registry) find(m *mode, endpoints []transport.Endpoint) ([]*target, error) {
	if len(endpoints) == 0 {
		return nil, fmt.Errorf("%s: a route needs at least one target", m.name)
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	found := make([]*target, 0, len(endpoints))
	seen := make(map[*target]bool, len(endpoints))
	for _, endpoint := range endpoints {
		if endpoint.Transport != m.name {
			return nil, fmt.Errorf("%s cannot reach a target of %q: serve it with the same transport", m.name, endpoint.Transport)
		}
		t := r.byAddress[endpoint.Address]
		if t == nil {
			return nil, fmt.Errorf("%s: no target %q in this process: serve it here, in the shim of the source, and keep it open", m.name, endpoint.Address)
		}
		if seen[t] {
			return nil, fmt.Errorf("%s: target %q is named twice: serve a target for each delivery", m.name, endpoint.Address)
		}
		seen[t] = true
		found = append(found, t)
	}
	return found, nil
}
