package wasip1

import (
	"crypto/rand"
	"time"

	"rrbench/engines"
)

func (s *System) arguments() []string   { return s.config.Arguments }
func (s *System) environment() []string { return s.config.Environment }

// putSizes writes how many strings there are and how many bytes they take.
func putSizes(texts func(*System) []string) handler {
	return func(s *System, m memory, stack []uint64) error {
		length := 0
		for _, text := range texts(s) {
			length += len(text) + 1
		}
		if err := m.putUint32(stack[0], uint32(len(texts(s)))); err != nil {
			return err
		}
		return m.putUint32(stack[1], uint32(length))
	}
}

// putStrings writes the strings, each with a zero behind it, and pointers to them.
func putStrings(texts func(*System) []string) handler {
	return func(s *System, m memory, stack []uint64) error {
		pointers, buffer := stack[0], stack[1]
		for i, text := range texts(s) {
			if err := m.putUint32(pointers+uint64(4*i), uint32(buffer)); err != nil {
				return err
			}
			target, err := m.slice(buffer, uint64(len(text)+1))
			if err != nil {
				return err
			}
			target[copy(target, text)] = 0
			buffer += uint64(len(target))
		}
		return nil
	}
}

func (s *System) procExit(_ memory, stack []uint64) error {
	return &engines.Exit{Status: uint32(stack[0])}
}

func (s *System) randomGet(m memory, stack []uint64) error {
	buffer, err := m.slice(stack[0], stack[1])
	if err != nil {
		return err
	}
	_, _ = rand.Read(buffer) // never fails, see its documentation
	return nil
}

func (s *System) schedYield(memory, []uint64) error { return nil }

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
