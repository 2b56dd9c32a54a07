//go:build !linux

package wasip1

import "time"

// waiter waits for time to pass, and can be interrupted; there are no descriptors.
type waiter struct{ event chan struct{} }

func newWaiter() (*waiter, error) { return &waiter{make(chan struct{}, 1)}, nil }

func (w *waiter) reset()                 {}
func (w *waiter) add(int, bool) int      { return -1 }
func (w *waiter) ready(int) (bool, bool) { return false, false }
func (w *waiter) begin()                 {}
func (w *waiter) end(bool)               {}
func (w *waiter) close()                 { w.interrupt() }

// wait returns when the time has passed, or after an interrupt.
func (w *waiter) wait(timeout time.Duration) error {
	var passed <-chan time.Time
	if timeout >= 0 {
		passed = time.After(timeout)
	}
	select {
	case <-passed:
	case <-w.event:
	}
	return nil
}

// interrupt ends the wait that is under way, or the next one.
func (w *waiter) interrupt() {
	select {
	case w.event <- struct{}{}:
	default:
	}
}
