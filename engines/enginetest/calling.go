package enginetest

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"rrbench/engines"
)

func (s *suite) testValues(t *testing.T) {
	instance := s.start(t, "plain", handlers{})
	const junk = 0xdeadbeef << 32
	for _, test := range []struct {
		name   string
		params []uint64
		want   uint64
	}{
		{"add", []uint64{2, 3}, 5},
		{"add", []uint64{math.MaxUint32, 2}, 1},
		{"add", []uint64{junk | 2, junk | 3}, 5},
		{"add", []uint64{0, math.MaxUint32}, math.MaxUint32},
		{"minus_one", nil, math.MaxUint32},
		{"wrap", []uint64{junk | 7}, 7},
		{"wrap", []uint64{math.MaxUint64}, math.MaxUint32},
		{"add64", []uint64{math.MaxUint64, 2}, 1},
		{"add64", []uint64{1 << 40, 1}, 1<<40 + 1},
		{"addf32", []uint64{uint64(math.Float32bits(1.5)), junk | uint64(math.Float32bits(-4))}, uint64(math.Float32bits(-2.5))},
		{"multiply", []uint64{math.Float64bits(1.5), math.Float64bits(-4)}, math.Float64bits(-6)},
		{"divide", []uint64{uint64(uint32(0xfffffffa)), 2}, uint64(uint32(0xfffffffd))}, // -6 / 2
	} {
		if got := call(t, instance, test.name, test.params...); got != test.want {
			t.Errorf("%s(%#x) = %#x, want %#x", test.name, test.params, got, test.want)
		}
	}
	stack := []uint64{junk | 7, math.MaxUint64}
	if err := function(t, instance, "swap").Call(stack); err != nil {
		t.Fatal(err)
	}
	if stack[0] != math.MaxUint64 || stack[1] != 7 {
		t.Errorf("swap gives %#x", stack)
	}
}

func (s *suite) testHostValues(t *testing.T) {
	var seen []uint64
	instance := s.start(t, "hosted", handlers{
		host: func(_ engines.Instance, stack []uint64) error {
			seen = append([]uint64(nil), stack...)
			stack[0] = 1 << 50
			return nil
		},
		event: func(_ engines.Instance, stack []uint64) error {
			stack[0] |= 0xabcd << 32
			return nil
		},
	})
	want := []uint64{5, math.MaxUint64, uint64(math.Float32bits(1.5)), math.Float64bits(-4)}
	if got := call(t, instance, "host", want...); got != 1<<50 {
		t.Errorf("host returned %#x", got)
	}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("host saw %#x, want %#x", seen, want)
	}
	call(t, instance, "wrapped", 0xdeadbeef_00000007)
	if seen[0] != 7 {
		t.Errorf("host saw %#x for a wrapped value", seen[0])
	}
	if got := call(t, instance, "event", 9); got != 9 {
		t.Errorf("event returned %#x", got)
	}
}

func (s *suite) testTraps(t *testing.T) {
	for _, test := range []struct {
		function string
		params   []uint64
		want     string
	}{
		{"trap", nil, "unreachable"},
		{"load", []uint64{engines.PageSize}, "out of bounds memory access"},
		{"load", []uint64{engines.PageSize - 3}, "out of bounds memory access"},
		{"load", []uint64{math.MaxUint32}, "out of bounds memory access"},
		{"store", []uint64{math.MaxUint32, 1}, "out of bounds memory access"},
		{"divide", []uint64{1, 0}, "integer divide by zero"},
		{"divide", []uint64{1 << 31, math.MaxUint32}, "integer overflow"},
		{"recurse", []uint64{0}, "stack overflow"},
	} {
		t.Run(fmt.Sprint(test.function, test.params), func(t *testing.T) {
			instance := s.start(t, "plain", handlers{})
			_, err := tryCall(t, instance, test.function, test.params...)
			checkTrap(t, err, test.function, test.want)
		})
	}
}

func checkTrap(t *testing.T, err error, function string, wants ...string) {
	t.Helper()
	var trap *engines.Trap
	if !errors.As(err, &trap) {
		t.Fatalf("error is %v, want a trap", err)
	}
	if trap.Function != function {
		t.Errorf("trap is in %q, want %q", trap.Function, function)
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q has several lines", err)
	}
}

func (s *suite) testTrapSparesOthers(t *testing.T) {
	module := s.module(t, "plain")
	survivor := s.start(t, "plain", handlers{})
	for range 50 {
		victim, err := module.Instantiate(t.Context(), engines.InstanceConfig{Name: "victim"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tryCall(t, victim, "load", math.MaxUint32); err == nil {
			t.Fatal("no trap")
		}
		if err := victim.Close(); err != nil {
			t.Fatal(err)
		}
		if got := call(t, survivor, "add", 1, 1); got != 2 {
			t.Fatalf("1 + 1 = %d", got)
		}
	}
}

type hostError struct{ code int }

func (h *hostError) Error() string { return fmt.Sprint("host error ", h.code) }

func (s *suite) testHostErrors(t *testing.T) {
	sentinel := errors.New("connection lost")
	instance := s.start(t, "hosted", handlers{
		event: func(engines.Instance, []uint64) error { return fmt.Errorf("send: %w", sentinel) },
	})
	_, err := tryCall(t, instance, "event", 1)
	if !errors.Is(err, sentinel) {
		t.Errorf("errors.Is does not find the host's error in %v", err)
	}
	checkTrap(t, err, "event", "env.event", "connection lost")

	instance = s.start(t, "hosted", handlers{
		nothing: func(engines.Instance, []uint64) error { return &hostError{42} },
	})
	_, err = tryCall(t, instance, "nothing")
	var target *hostError
	if !errors.As(err, &target) || target.code != 42 {
		t.Errorf("errors.As does not find the host's error in %v", err)
	}
}

func (s *suite) testHostPanics(t *testing.T) {
	for name, test := range map[string]struct {
		panic func()
		want  string
	}{
		"text":  {func() { panic("boom") }, "boom"},
		"error": {func() { panic(&hostError{7}) }, "host error 7"},
		"runtime": {func() {
			var none []int
			none[len(none)]++
		}, "index out of range"},
	} {
		t.Run(name, func(t *testing.T) {
			instance := s.start(t, "hosted", handlers{
				nothing: func(engines.Instance, []uint64) error { test.panic(); return nil },
			})
			_, err := tryCall(t, instance, "nothing")
			checkTrap(t, err, "nothing", "panic", test.want)
		})
	}
}

func (s *suite) testExit(t *testing.T) {
	instance := s.start(t, "hosted", handlers{
		nothing: func(engines.Instance, []uint64) error { return &engines.Exit{Status: 7} },
	})
	_, err := tryCall(t, instance, "nothing")
	var exit *engines.Exit
	if !errors.As(err, &exit) || exit.Status != 7 {
		t.Errorf("error is %v, want exit 7", err)
	}
	if trap := (*engines.Trap)(nil); errors.As(err, &trap) {
		t.Errorf("an exit is a trap: %v", err)
	}
}
