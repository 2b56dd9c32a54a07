package enginetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rrbench/engines"
)

func testNestedCalls(t *testing.T, open New) {
	engine := openEngine(t, open)
	module := compile(t, engine, "hosted")
	other := instantiate(t, module, engines.InstanceConfig{Name: "other", Imports: handlers{
		event: func(_ engines.Instance, stack []uint64) error { stack[0] *= 10; return nil },
	}.functions()})
	var instance engines.Instance
	instance = instantiate(t, module, engines.InstanceConfig{Name: "first", Imports: handlers{
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
	}.functions()})
	for range 3 {
		if got := call(t, instance, "event", 4); got != 50 {
			t.Errorf("(4 + 1) * 10 = %d", got)
		}
	}
}

func testDeepRecursion(t *testing.T, open New) {
	const depth = 40
	var instance engines.Instance
	instance = newHosted(t, open, handlers{
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

func testNestedFailure(t *testing.T, open New) {
	engine := openEngine(t, open)
	victims := compile(t, engine, "plain")
	module := compile(t, engine, "hosted")
	sentinel := errors.New("given up")
	var inner error
	instance := instantiate(t, module, engines.InstanceConfig{Imports: handlers{
		event: func(_ engines.Instance, stack []uint64) error {
			victim := instantiate(t, victims, engines.InstanceConfig{Name: "victim"})
			_, inner = tryCall(t, victim, "trap")
			if stack[0] == 0 {
				return nil
			}
			return fmt.Errorf("%w: %w", sentinel, inner)
		},
	}.functions()})
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

func testStartSection(t *testing.T, open New) {
	engine := openEngine(t, open)
	module := compile(t, engine, "start")
	var seen string
	instantiate(t, module, engines.InstanceConfig{Imports: handlers{
		nothing: func(caller engines.Instance, _ []uint64) error {
			seen = string(caller.Memory().Bytes()[:4])
			return nil
		},
	}.functions()})
	if seen != "data" {
		t.Errorf("the start function's host saw %q", seen)
	}
	failure := errors.New("not ready")
	_, err := module.Instantiate(t.Context(), engines.InstanceConfig{Name: "failing", Imports: handlers{
		nothing: func(engines.Instance, []uint64) error { return failure },
	}.functions()})
	if !errors.Is(err, failure) {
		t.Errorf("error is %v", err)
	}
	_, err = module.Instantiate(t.Context(), engines.InstanceConfig{Name: "leaving", Imports: handlers{
		nothing: func(engines.Instance, []uint64) error { return &engines.Exit{Status: 3} },
	}.functions()})
	var exit *engines.Exit
	if !errors.As(err, &exit) || exit.Status != 3 {
		t.Errorf("error is %v, want exit 3", err)
	}
}

// testStartTraps has a start function of no instruction but unreachable.
func testStartTraps(t *testing.T, open New) {
	wasm := module(section(1, []byte{1, 0x60, 0, 0}), section(3, []byte{1, 0}), section(8, []byte{0}), section(10, []byte{1, 3, 0, 0, 0x0b}))
	compiled, err := openEngine(t, open).Compile(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	defer compiled.Close()
	_, err = compiled.Instantiate(t.Context(), engines.InstanceConfig{Name: "guest"})
	if err == nil || err.Error() != "instantiate guest: guest trapped in the start function: unreachable" {
		t.Errorf("error is %v", err)
	}
}

// testForeignText has a module whose names a terminal would obey.
func testForeignText(t *testing.T, open New) {
	name := "\x05\x1b[2J\x07"
	wasm := module(section(1, []byte{1, 0x60, 0, 0}), section(2, []byte("\x01"+name+name+"\x00\x00")))
	compiled, err := openEngine(t, open).Compile(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	defer compiled.Close()
	_, err = compiled.Instantiate(t.Context(), engines.InstanceConfig{Name: "guest"})
	if err == nil || !strings.Contains(err.Error(), "[2J .") || strings.ContainsAny(err.Error(), "\x1b\x07\n") {
		t.Errorf("error is %q", err)
	}
}

func testInitializer(t *testing.T, open New) {
	engine := openEngine(t, open)
	instance := instantiate(t, compile(t, engine, "initializer"), engines.InstanceConfig{})
	if got := call(t, instance, "load", 64); got != 77 {
		t.Errorf("the initializer did not run: %d", got)
	}
	_, err := compile(t, engine, "initializer-traps").Instantiate(t.Context(), engines.InstanceConfig{Name: "guest"})
	checkTrap(t, err, "_initialize", "unreachable", "instantiate guest")
}

func testEndlessRecursion(t *testing.T, open New) {
	engine := openEngine(t, open)
	module := compile(t, engine, "hosted")
	var pair [2]engines.Instance
	for i := range pair {
		pair[i] = instantiate(t, module, engines.InstanceConfig{Imports: handlers{
			nothing: func(caller engines.Instance, _ []uint64) error {
				return function(t, caller, "nothing").Call(nil)
			},
			event: func(_ engines.Instance, _ []uint64) error {
				return function(t, pair[1-i], "event").Call([]uint64{0})
			},
		}.functions()})
	}
	for _, name := range []string{"nothing", "event"} {
		_, err := tryCall(t, pair[0], name)
		if trap := (*engines.Trap)(nil); !errors.As(err, &trap) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}
