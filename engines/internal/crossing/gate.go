package crossing

import (
	"errors"
	"sync"
)

// Gate keeps a module from being closed while an instance is made of it. Instances hold what they need of it
// by themselves.
type Gate struct {
	lock   sync.RWMutex
	closed bool
}

// Borrow keeps the module open until the returned function is called.
func (g *Gate) Borrow() (release func(), err error) {
	g.lock.RLock()
	if g.closed {
		g.lock.RUnlock()
		return nil, errors.New("the module is closed: compile it again")
	}
	return g.lock.RUnlock, nil
}

// Close calls what frees the module, once.
func (g *Gate) Close(free func()) error {
	g.lock.Lock()
	defer g.lock.Unlock()
	if !g.closed {
		g.closed = true
		free()
	}
	return nil
}
