package wasip1

import (
	"encoding/binary"
	"math"
	"time"
)

// Layouts of preview 1, in bytes.
const (
	subscriptionSize = 48
	eventSize        = 32
	// maxSubscriptions bounds what a call takes, far above what a guest has descriptors for.
	maxSubscriptions = 2 * maxDescriptors

	tagClock = 0
	tagRead  = 1
	tagWrite = 2

	clockAbsolute = 1
	eventHangup   = 1
)

// subscription is one thing that a guest waits for.
type subscription struct {
	userdata uint64
	tag      byte
	// due is the time from the start of the call after which a clock has gone off.
	due time.Duration
	// place is that among the descriptors that are waited for, or negative.
	place  int
	errno  Errno
	ready  bool
	hangup bool
}

// pollOneoff waits until one subscription at least has an event and reports all that have.
func (s *System) pollOneoff(m memory, stack []uint64) error {
	in, out, count := stack[0], stack[1], stack[2]
	if count == 0 || count > maxSubscriptions {
		return EINVAL
	}
	subscriptions, err := m.slice(in, count*subscriptionSize)
	if err != nil {
		return err
	}
	events, err := m.slice(out, count*eventSize)
	if err != nil {
		return err
	}
	if _, err := m.slice(stack[3], 4); err != nil {
		return err
	}
	if err := s.subscribe(subscriptions); err != nil {
		return err
	}
	if err := s.awaitEvents(); err != nil {
		return err
	}
	return m.putUint32(stack[3], s.putEvents(events))
}

// subscribe reads the guest's subscriptions into s.subscriptions and s.waiter.
func (s *System) subscribe(in []byte) error {
	s.subscriptions = s.subscriptions[:0]
	s.waiter.reset()
	for ; len(in) > 0; in = in[subscriptionSize:] {
		next := subscription{userdata: binary.LittleEndian.Uint64(in), tag: in[8], place: -1}
		switch next.tag {
		case tagClock:
			s.subscribeClock(&next, in)
		case tagRead, tagWrite:
			s.subscribeDescriptor(&next, uint64(binary.LittleEndian.Uint32(in[16:])))
		default:
			return EINVAL
		}
		s.subscriptions = append(s.subscriptions, next)
	}
	return nil
}

func (s *System) subscribeClock(next *subscription, in []byte) {
	now, err := s.now(uint64(binary.LittleEndian.Uint32(in[16:])))
	if err != nil {
		next.errno, next.ready = EINVAL, true
		return
	}
	due := int64(min(binary.LittleEndian.Uint64(in[24:]), math.MaxInt64))
	if binary.LittleEndian.Uint16(in[40:])&clockAbsolute != 0 {
		due = max(due-now, 0)
	}
	next.due = time.Duration(due)
}

func (s *System) subscribeDescriptor(next *subscription, number uint64) {
	d, err := s.descriptors.get(number)
	if err != nil {
		next.errno, next.ready = EBADF, true
		return
	}
	var system int
	if system, next.ready, next.hangup = d.watch(); !next.ready {
		next.place = s.waiter.add(system, next.tag == tagWrite)
	}
}

// awaitEvents marks the subscriptions that have an event, one at least. What is ready
// already ends the waiting, not the look at the descriptors.
func (s *System) awaitEvents() error {
	start := time.Now()
	for {
		timeout, ready := s.timeout(time.Since(start))
		if err := s.wait(timeout); err != nil {
			return err
		}
		elapsed := time.Since(start)
		for i := range s.subscriptions {
			next := &s.subscriptions[i]
			switch {
			case next.place >= 0:
				next.ready, next.hangup = s.waiter.ready(next.place)
			case next.tag == tagClock && next.errno == 0:
				next.ready = elapsed >= next.due
			}
			ready = ready || next.ready
		}
		if ready {
			return nil
		}
	}
}

// timeout is how long to wait after what has elapsed, negative for ever.
func (s *System) timeout(elapsed time.Duration) (_ time.Duration, ready bool) {
	timeout := forever
	for i := range s.subscriptions {
		next := &s.subscriptions[i]
		switch {
		case next.ready:
			return 0, true
		case next.tag == tagClock:
			if left := max(next.due-elapsed, 0); timeout < 0 || left < timeout {
				timeout = left
			}
		}
	}
	return timeout, false
}

// putEvents writes the events of all that is ready and returns their number.
func (s *System) putEvents(out []byte) uint32 {
	count := uint32(0)
	for i := range s.subscriptions {
		next := &s.subscriptions[i]
		if !next.ready {
			continue
		}
		clear(out[:eventSize])
		binary.LittleEndian.PutUint64(out, next.userdata)
		binary.LittleEndian.PutUint16(out[8:], uint16(next.errno))
		out[10] = next.tag
		if next.hangup {
			binary.LittleEndian.PutUint16(out[24:], eventHangup)
		}
		out = out[eventSize:]
		count++
	}
	return count
}
