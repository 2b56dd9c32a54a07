package transport

import (
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
)

// Local holds the targets that this process offers to routes of its own, by random addresses: only
// the holder of an endpoint can name its target. The zero value has none.
type Local[Target any] struct {
	lock      sync.Mutex
	byAddress map[string]*Target
}

// Add returns the target's address.
func (l *Local[Target]) Add(target *Target) (address string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.byAddress == nil {
		l.byAddress = make(map[string]*Target)
	}
	address = rand.Text()
	l.byAddress[address] = target
	return address
}

// Remove makes a target unreachable for new routes.
func (l *Local[Target]) Remove(address string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	delete(l.byAddress, address)
}

// Find returns the targets of a transport's route. One that is named twice could not receive both
// payloads at once, so that is refused.
func (l *Local[Target]) Find(transport string, endpoints []Endpoint) (found []*Target, err error) {
	if len(endpoints) == 0 {
		return nil, fmt.Errorf("%s: a route needs at least one target", transport)
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	for _, endpoint := range endpoints {
		target := l.byAddress[endpoint.Address]
		switch {
		case endpoint.Transport != transport:
			return nil, fmt.Errorf("%s cannot reach a target of %q: serve it with the same transport", transport, endpoint.Transport)
		case target == nil:
			return nil, fmt.Errorf("%s: no target %q in this process: serve it here, in the shim of the source, and keep it open", transport, endpoint.Address)
		case slices.Contains(found, target):
			return nil, fmt.Errorf("%s: target %q is named twice: serve a target for each delivery", transport, endpoint.Address)
		}
		found = append(found, target)
	}
	return found, nil
}
