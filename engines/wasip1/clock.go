package wasip1

import "time"

// Clocks of preview 1 that a guest can read.
const (
	realtime  = 0
	monotonic = 1
)

func (s *System) clockResGet(m memory, stack []uint64) error {
	if _, err := s.now(stack[0]); err != nil {
		return err
	}
	return m.putUint64(stack[1], 1)
}

func (s *System) clockTimeGet(m memory, stack []uint64) error {
	now, err := s.now(stack[0])
	if err != nil {
		return err
	}
	return m.putUint64(stack[2], uint64(now))
}

// now is the time of a clock in nanoseconds.
func (s *System) now(clock uint64) (int64, error) {
	switch clock {
	case realtime:
		return time.Now().UnixNano(), nil
	case monotonic:
		return s.config.Monotonic(), nil
	}
	return 0, ENOTSUP
}
