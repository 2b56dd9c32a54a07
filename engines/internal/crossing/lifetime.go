package crossing

import (
	"errors"
	"sync"
)

// Lifetime frees a module when it is closed and nothing uses it any more, whichever comes last.
type Lifetime struct {
	// Free frees the module.
	Free func() error

	lock   sync.Mutex
	users  int
	closed bool
}

// Retain counts a user.
func (l *Lifetime) Retain() error {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.closed {
		return errors.New("the module is closed: compile it again")
	}
	l.users++
	return nil
}

// Release is for a user that Retain has counted.
func (l *Lifetime) Release() error { return l.leave(false) }

// Close is for the module's owner.
func (l *Lifetime) Close() error { return l.leave(true) }

func (l *Lifetime) leave(owner bool) error {
	l.lock.Lock()
	defer l.lock.Unlock()
	switch {
	case !owner:
		l.users--
	case l.closed:
		return nil
	}
	l.closed = l.closed || owner
	if !l.closed || l.users > 0 {
		return nil
	}
	return l.Free()
}
