package enginetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rrbench/engines"
)

func (s *suite) testNestedCalls(t *testing.T) {
	other := s.start(t, "hosted", handlers{
		event: func(_ engines.Instance, stack []uint64) error { stack[0] *= 10; return nil },
	})
	var instance engines.Instance
	instance = s.start(t, "hosted", handlers{
		event: func(caller engines.Instance, stack []uint64) error {
			if caller != instance {
				return errors.New("the caller is another instance")
			}
			own := []uint64{stack[0], 1}
			if err := function(t, caller, "add").Call(own); err != nil {
				return err
			}
			foreign := []uint64{own[0]}
			if err := function(t, other, "event").Call(foreign); err != nil {
				return err
			}
			stack[0] = foreign[0]
			return nil
		},
	})
	for range 3 {
		if got := call(t, instance, "event", 4); got != 50 {
			t.Errorf("(4 + 1) * 10 = %d", got)
		}
	}
}

func (s *suite) testDeepRecursion(t *testing.T) {
	const depth = 40
	var instance engines.Instance
	instance = s.start(t, "hosted", handlers{
		event: func(caller engines.Instance, stack []uint64) error {
			level := stack[0]
			if level == depth {
				return nil
			}
			inner := []uint64{level + 1}
			if err := function(t, instance, "event").Call(inner); err != nil {
				return err
			}
			if stack[0] != level {
				return fmt.Errorf("the parameter changed from %d to %d", level, stack[0])
			}
			stack[0] = inner[0] + level
			return nil
		},
	})
	for range 2 {
		if got := call(t, instance, "event", 0); got != depth*(depth+1)/2 {
			t.Errorf("sum is %d", got)
		}
	}
}

func (s *suite) testNestedFailure(t *testing.T) {
	sentinel := errors.New("given up")
	var inner error
	instance := s.start(t, "hosted", handlers{
		event: func(_ engines.Instance, stack []uint64) error {
			victim := s.start(t, "plain", handlers{})
			_, inner = tryCall(t, victim, "trap")
			if stack[0] == 0 {
				return nil
			}
			return fmt.Errorf("%w: %w", sentinel, inner)
		},
	})
	if got := call(t, instance, "event", 0); got != 0 {
		t.Errorf("result is %d", got)
	}
	checkTrap(t, inner, "trap", "unreachable")
	_, err := tryCall(t, instance, "event", 1)
	checkTrap(t, err, "event", "unreachable", "given up")
	if !errors.Is(err, sentinel) || !errors.Is(err, inner) {
		t.Errorf("%v does not wrap what the host returned", err)
	}
}

func (s *suite) testStartSection(t *testing.T) {
	var seen string
	s.start(t, "start", handlers{
		nothing: func(caller engines.Instance, _ []uint64) error {
			seen = string(caller.Memory().Bytes()[:4])
			return nil
		},
	})
	if seen != "data" {
		t.Errorf("the start function's host saw %q", seen)
	}
	for _, failure := range []error{errors.New("not ready"), &engines.Exit{Status: 3}} {
		err := refusal(t, s.module(t, "start"), engines.InstanceConfig{Name: "guest", Imports: handlers{
			nothing: func(engines.Instance, []uint64) error { return failure },
		}.functions()})
		if !errors.Is(err, failure) {
			t.Errorf("error is %v, want %v", err, failure)
		}
	}
}

// testStartTraps has a start function of no instruction but unreachable.
func (s *suite) testStartTraps(t *testing.T) {
	wasm := module(section(1, []byte{1, 0x60, 0, 0}), section(3, []byte{1, 0}), section(8, []byte{0}), section(10, []byte{1, 3, 0, 0, 0x0b}))
	err := refusal(t, compile(t, s.engine, wasm), engines.InstanceConfig{Name: "guest"})
	if err.Error() != "instantiate guest: guest trapped in the start function: unreachable" {
		t.Errorf("error is %v", err)
	}
}

// testForeignText has a module whose names a terminal would obey.
func (s *suite) testForeignText(t *testing.T) {
	name := "\x05\x1b[2J\x07"
	wasm := module(section(1, []byte{1, 0x60, 0, 0}), section(2, []byte("\x01"+name+name+"\x00\x00")))
	err := refusal(t, compile(t, s.engine, wasm), engines.InstanceConfig{Name: "guest"})
	if !strings.Contains(err.Error(), "[2J .") || strings.ContainsAny(err.Error(), "\x1b\x07\n") {
		t.Errorf("error is %q", err)
	}
}

func (s *suite) testInitializer(t *testing.T) {
	instance := s.start(t, "initializer", handlers{})
	if got := call(t, instance, "load", 64); got != 77 {
		t.Errorf("the initializer did not run: %d", got)
	}
	err := refusal(t, s.module(t, "initializer-traps"), engines.InstanceConfig{Name: "guest"})
	checkTrap(t, err, "_initialize", "unreachable", "instantiate guest")
}

func (s *suite) testEndlessRecursion(t *testing.T) {
	var pair [2]engines.Instance
	for i := range pair {
		pair[i] = s.start(t, "hosted", handlers{
			nothing: func(caller engines.Instance, _ []uint64) error {
				return function(t, caller, "nothing").Call(nil)
			},
			event: func(_ engines.Instance, _ []uint64) error {
				return function(t, pair[1-i], "event").Call([]uint64{0})
			},
		})
	}
	for _, name := range []string{"nothing", "event"} {
		_, err := tryCall(t, pair[0], name)
		if trap := (*engines.Trap)(nil); !errors.As(err, &trap) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}
