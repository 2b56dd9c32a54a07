package enginetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"

	"rrbench/engines"
)

func (s *suite) testIsolation(t *testing.T) {
	a, b := s.start(t, "plain", handlers{}), s.start(t, "plain", handlers{})
	call(t, a, "store", 0, 0xffffffff)
	call(t, a, "grow", 5)
	if got := string(b.Memory().Bytes()[:5]); got != "guest" {
		t.Errorf("b sees %q", got)
	}
	if b.Memory().Size() != engines.PageSize {
		t.Errorf("b has %d bytes", b.Memory().Size())
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got := call(t, b, "load", 0); got != 0x73657567 {
		t.Errorf("b sees %#x", got)
	}
	c := s.start(t, "plain", handlers{})
	if got := string(c.Memory().Bytes()[:5]); got != "guest" {
		t.Errorf("c sees %q", got)
	}
}

func (s *suite) testClosing(t *testing.T) {
	t.Run("any order", func(t *testing.T) {
		for range 30 {
			engine, err := s.open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			module, err := engine.Compile(t.Context(), Module(t, "plain"))
			if err != nil {
				t.Fatal(err)
			}
			closers := []func() error{module.Close}
			var instances []engines.Instance
			for range 3 {
				instance, err := module.Instantiate(t.Context(), engines.InstanceConfig{Name: "guest"})
				if err != nil {
					t.Fatal(err)
				}
				instances = append(instances, instance)
				closers = append(closers, instance.Close)
			}
			rand.Shuffle(len(closers), func(i, j int) { closers[i], closers[j] = closers[j], closers[i] })
			for _, closer := range closers {
				for range 2 {
					if err := closer(); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, instance := range instances {
				if instance.Memory().Bytes() != nil || instance.Memory().Size() != 0 {
					t.Error("a closed instance has memory")
				}
			}
			if err := engine.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("instances outlive their module", func(t *testing.T) {
		module := compile(t, s.engine, Module(t, "plain"))
		instance := instantiate(t, module, engines.InstanceConfig{})
		if err := module.Close(); err != nil {
			t.Fatal(err)
		}
		if got := call(t, instance, "add", 1, 2); got != 3 {
			t.Errorf("1 + 2 = %d", got)
		}
		_, err := tryCall(t, instance, "trap")
		checkTrap(t, err, "trap", "unreachable")
		_ = refusal(t, module, engines.InstanceConfig{Name: "late"})
	})
	t.Run("call after close", func(t *testing.T) {
		instance := s.start(t, "plain", handlers{})
		add := function(t, instance, "add")
		if err := instance.Close(); err != nil {
			t.Fatal(err)
		}
		if err := add.Call(make([]uint64, 2)); err == nil {
			t.Error("a closed instance answers")
		}
		if _, ok := instance.Function("nop"); ok {
			t.Error("a closed instance has functions")
		}
	})
	t.Run("close from inside", func(t *testing.T) {
		var inside error
		instance := s.start(t, "hosted", handlers{
			nothing: func(caller engines.Instance, _ []uint64) error { inside = caller.Close(); return nil },
		})
		call(t, instance, "nothing")
		if inside == nil {
			t.Error("an instance was closed by its own call")
		}
		call(t, instance, "add", 1, 2)
	})
}

func (s *suite) testConcurrency(t *testing.T) {
	module := s.module(t, "hosted")
	var group sync.WaitGroup
	for worker := range uint64(8) {
		group.Go(func() {
			for round := range uint64(10) {
				if err := useAlone(t, module, worker<<16|round); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

func useAlone(t *testing.T, module engines.Module, mark uint64) error {
	instance, err := module.Instantiate(t.Context(), engines.InstanceConfig{Name: "worker", Imports: handlers{
		event: func(caller engines.Instance, stack []uint64) error {
			runtime.Gosched()
			grow, _ := caller.Function("grow")
			if err := grow.Call([]uint64{1}); err != nil {
				return err
			}
			stack[0] = mark
			return nil
		},
	}.functions()})
	if err != nil {
		return err
	}
	event, _ := instance.Function("event")
	for range 20 {
		stack := []uint64{0}
		if err := event.Call(stack); err != nil {
			return err
		}
		if stack[0] != mark {
			return fmt.Errorf("worker %d sees the mark of %d", mark, stack[0])
		}
	}
	if got := instance.Memory().Size(); got != 21*engines.PageSize {
		return fmt.Errorf("worker %d has %d bytes", mark, got)
	}
	return instance.Close()
}

func (s *suite) testNoAllocation(t *testing.T) {
	instance := s.start(t, "hosted", handlers{
		event: func(caller engines.Instance, stack []uint64) error {
			stack[0] = uint64(caller.Memory().Bytes()[stack[0]])
			return nil
		},
	})
	stack := make([]uint64, 4)
	for _, name := range []string{"add", "event", "host", "nothing"} {
		f := function(t, instance, name)
		allocations := testing.AllocsPerRun(100, func() {
			clear(stack)
			if err := f.Call(stack); err != nil {
				t.Fatal(err)
			}
		})
		if allocations != 0 {
			t.Errorf("%s allocates %g times a call", name, allocations)
		}
	}
}

func (s *suite) testNoLeak(t *testing.T) {
	module := s.module(t, "hosted")
	cycle := func() {
		instance, err := module.Instantiate(t.Context(), engines.InstanceConfig{Name: "guest", Imports: handlers{
			nothing: func(engines.Instance, []uint64) error { return &hostError{1} },
		}.functions()})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = tryCall(t, instance, "nothing")
		call(t, instance, "grow", 3)
		if err := instance.Close(); err != nil {
			t.Fatal(err)
		}
		// One that fails half-way.
		_ = refusal(t, module, engines.InstanceConfig{Name: "guest", MemoryLimit: 1, Imports: handlers{}.functions()})
	}
	for range 20 {
		cycle()
	}
	before := mappings(t)
	for range 200 {
		cycle()
	}
	// The Go runtime and the C library map and unmap a few for themselves.
	if after := mappings(t); after > before+50 {
		t.Errorf("200 instances left %d mappings more", after-before)
	}
}

func mappings(t *testing.T) int {
	t.Helper()
	runtime.GC()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(maps, []byte("\n"))
}
