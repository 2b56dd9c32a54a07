package enginetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"testing"

	"rrbench/engines"
	"rrbench/measure"
)

// peakDuring is how much more memory the process had at the peak of a step than before, in
// bytes.
func peakDuring(t *testing.T, step func()) int64 {
	t.Helper()
	debug.FreeOSMemory()
	if err := measure.ResetPeaks(); err != nil {
		t.Skip(err)
	}
	before, err := measure.SelfMemory()
	if err != nil {
		t.Skip(err)
	}
	step()
	after, err := measure.SelfMemory()
	if err != nil {
		t.Fatal(err)
	}
	return after.RSSPeak - before.RSSPeak
}

// testTableLimit has tables grow as far as they go.
func (s *suite) testTableLimit(t *testing.T) {
	for _, name := range []string{"table", "table-external", "table-declared", "tables"} {
		t.Run(name, func(t *testing.T) {
			instance := instantiate(t, s.module(t, name), engines.InstanceConfig{MemoryLimit: 1 << 20})
			total := uint64(0)
			more := peakDuring(t, func() {
				for _, export := range []string{"grow0", "grow1", "grow2"} {
					if _, ok := instance.Function(export); !ok {
						break
					}
					for step := uint64(1 << 31); step > 0; step /= 2 {
						for call(t, instance, export, step) != refused {
						}
					}
					total += call(t, instance, export, 0)
				}
			})
			if total > engines.MaxTableElements || total < engines.MaxTableElements/2 {
				t.Errorf("tables grew to %d elements", total)
			}
			if more > 64<<20 {
				t.Errorf("tables of %d elements took %d bytes", total, more)
			}
		})
	}
}

// testRefusedModules has modules that would make their host hold too much, or that only
// announce it.
func (s *suite) testRefusedModules(t *testing.T) {
	const preamble = "\x00asm\x01\x00\x00\x00"
	for words, wasm := range map[string][]byte{
		"tables of": Module(t, "table-huge"),
		// A type, a function of it, and its body with 2^32-1 locals.
		"locals":     []byte(preamble + "\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00" + "\x0a\x0a\x01\x08\x01\xff\xff\xff\xff\x0f\x7e\x0b"),
		"functions":  []byte(preamble + "\x03\x05\xff\xff\xff\xff\x0f"),
		"parameters": []byte(preamble + "\x01\x07\x01\x60\xff\xff\xff\xff\x0f"),
		"memories":   []byte(preamble + "\x05\x05\x02\x00\x00\x00\x00"),
		"outside":    []byte(preamble + "\x05\x03\x01\x00\x01" + "\x0b\x0a\x01\x00\x41\xff\xff\x03\x0b\x02ab"), // data at the last byte
		"garbage":    []byte(preamble + "\x01\x03\x01\x5f\x00"),                                                // (type (struct))
		"smaller":    append([]byte(preamble), make([]byte, engines.MaxModule)...),
	} {
		more := peakDuring(t, func() {
			module, err := s.engine.Compile(t.Context(), wasm)
			if err == nil {
				module.Close()
			}
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("error %v lacks %q", err, words)
			}
		})
		if more > 64<<20 {
			t.Errorf("refusing %q took %d bytes", words, more)
		}
	}
}

// testSmallStacks has guests fill the stacks of a process whose threads have small ones: it
// repeats the parts that do.
func (s *suite) testSmallStacks(t *testing.T) {
	limits := []string{"128", "256", "512", "unlimited"} // KiB
	if testing.Short() {
		limits = []string{"128", "unlimited"}
	}
	for _, limit := range limits {
		runApart(t, "ulimit -s "+limit, "traps|trap_spares_others|traps_under_load|stacks|nested_calls|nested_failure|endless_recursion|refused_modules|disk_cache")
	}
}

// apartVariable is set in a process that runApart has started.
const apartVariable = "RRBENCH_ENGINETEST_APART"

// runApart runs parts of the suite in a process of its own, for which a shell has prepared something.
func runApart(t *testing.T, prepare, parts string) {
	t.Helper()
	root, _, _ := strings.Cut(t.Name(), "/")
	command := exec.Command("sh", "-c", prepare+` && exec "$@"`, "sh", os.Args[0], "-test.run=^"+root+"$/^("+parts+")$", fmt.Sprintf("-test.short=%v", testing.Short()))
	command.Env = append(os.Environ(), apartVariable+"=1")
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%.4000s", prepare, err, output)
	}
}

// testStacks has a guest fill its stack, in calls one after the other and in nested ones.
func (s *suite) testStacks(t *testing.T) {
	const deep = 1 << 20
	t.Run("host's own", func(t *testing.T) {
		called := false
		instance := s.start(t, "diving", handlers{
			nothing: func(engines.Instance, []uint64) error { called = true; return nil },
		})
		if call(t, instance, "host"); !called {
			t.Error("an import that is exported does nothing")
		}
	})
	t.Run("afterwards", func(t *testing.T) {
		var before, after runtime.MemStats
		instance := s.start(t, "diving", handlers{})
		runtime.GC()
		runtime.ReadMemStats(&before)
		// An engine with a small stack traps.
		_, _ = tryCall(t, instance, "dive", deep)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 8<<20 {
			t.Errorf("after the call %d bytes are held", held)
		}
	})
	t.Run("nested", func(t *testing.T) {
		var instance engines.Instance
		instance = s.start(t, "diving", handlers{
			nothing: func(engines.Instance, []uint64) error {
				_, err := tryCall(t, instance, "dive", deep)
				return err
			},
		})
		more := peakDuring(t, func() {
			_, err := tryCall(t, instance, "dive", deep)
			if trap := (*engines.Trap)(nil); !errors.As(err, &trap) {
				t.Errorf("error is %v", err)
			}
		})
		if more > 1<<30 {
			t.Errorf("nested calls took %d bytes", more)
		}
	})
	t.Run("of two guests", func(t *testing.T) {
		// Threads may have stacks of different sizes, and what one reaches need not fit into another's.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		inner := s.start(t, "diving", handlers{})
		var atBottom func()
		outer := s.start(t, "diving", handlers{
			nothing: func(engines.Instance, []uint64) error { atBottom(); return nil },
		})
		atBottom = func() {}
		// From the end of the one's stack on, the host and the other one need theirs.
		reached := sort.Search(1<<15, func(depth int) bool {
			instance := s.start(t, "diving", handlers{})
			_, err := tryCall(t, instance, "dive", uint64(depth))
			return err != nil
		}) - 1
		atBottom = func() {
			runtime.GC()
			_ = debug.Stack()
			_, err := tryCall(t, inner, "dive", 1<<20)
			if trap := (*engines.Trap)(nil); err != nil && !errors.As(err, &trap) {
				t.Errorf("error is %v", err)
			}
		}
		call(t, outer, "dive", uint64(reached))
	})
}
