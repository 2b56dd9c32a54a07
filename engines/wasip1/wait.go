package wasip1

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// waiter waits for descriptors, and can be interrupted. See ppoll(2), eventfd(2).
//
// One goroutine waits, from waiting being set to end; interrupt and close may come from others,
// all but wait under the system's lock. The event descriptor is closed by the caller that comes
// last, so that a wait never sees its number used again.
type waiter struct {
	event   int
	polls   []unix.PollFd
	limit   unix.Timespec
	waiting bool
}

// newWaiter takes a descriptor.
func newWaiter() (*waiter, error) {
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("make an eventfd for a guest: %w (raise ulimit -n)", err)
	}
	w := &waiter{event: event}
	w.reset()
	return w, nil
}

// reset forgets what add was given.
func (w *waiter) reset() {
	w.polls = append(w.polls[:0], unix.PollFd{Fd: int32(w.event), Events: unix.POLLIN})
}

// add waits for a descriptor to become readable or writable, and returns its place.
func (w *waiter) add(descriptor int, write bool) int {
	events := int16(unix.POLLIN)
	if write {
		events = unix.POLLOUT
	}
	w.polls = append(w.polls, unix.PollFd{Fd: int32(descriptor), Events: events})
	return len(w.polls) - 1
}

// ready returns what the last wait found; the read or write that follows reports an error on the
// descriptor.
func (w *waiter) ready(place int) (ready, hangup bool) {
	events := w.polls[place].Revents
	return events != 0, events&unix.POLLHUP != 0
}

// wait returns nil when something is ready, the time has passed, or after an interrupt.
func (w *waiter) wait(timeout time.Duration) error {
	var limit *unix.Timespec
	if timeout >= 0 {
		w.limit = unix.NsecToTimespec(int64(timeout))
		limit = &w.limit
	}
	switch _, err := unix.Ppoll(w.polls, limit, nil); err {
	case nil:
		return nil
	case unix.EINTR:
		for i := range w.polls {
			w.polls[i].Revents = 0
		}
		return nil
	case unix.ENOMEM:
		return ENOMEM
	}
	return EINVAL
}

func (w *waiter) end(closed bool) {
	w.waiting = false
	if closed {
		_ = unix.Close(w.event)
		return
	}
	if w.polls[0].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(w.event, count[:])
	}
}

// interrupt ends the wait that is under way, which may not have reached the kernel yet.
func (w *waiter) interrupt() {
	if w.waiting {
		_, _ = unix.Write(w.event, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

func (w *waiter) close() {
	if w.waiting {
		w.interrupt()
		return
	}
	_ = unix.Close(w.event)
}
