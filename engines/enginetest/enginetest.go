// Package enginetest is the conformance suite of package engines: an engine's own test
// calls Run, and its benchmark Benchmark. The guests are the text modules in testdata, whose
// binary form is committed, so the suite needs no compiler.
package enginetest

import (
	"testing"

	"rrbench/engines"
)

// New makes the engine under test, as an engine's package does.
type New func(cacheDir string) (engines.Engine, error)

// Run checks that an engine keeps the contract of package engines.
func Run(t *testing.T, open New) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, New)
	}{
		{"identity", testIdentity},
		{"compile errors", testCompileErrors},
		{"features", testFeatures},
		{"types", testTypes},
		{"imports", testImports},
		{"exports", testExports},
		{"values", testValues},
		{"host values", testHostValues},
		{"traps", testTraps},
		{"trap spares others", testTrapSparesOthers},
		{"host errors", testHostErrors},
		{"host panics", testHostPanics},
		{"exit", testExit},
		{"memory view", testMemoryView},
		{"memory growth", testMemoryGrowth},
		{"memory limit", testMemoryLimit},
		{"memory too large", testMemoryTooLarge},
		{"table limit", testTableLimit},
		{"refused modules", testRefusedModules},
		{"stacks", testStacks},
		{"small stacks", testSmallStacks},
		{"whole address space", testWholeAddressSpace},
		{"memory of its own", testHiddenMemory},
		{"memory seen by host", testMemorySeenByHost},
		{"nested calls", testNestedCalls},
		{"nested growth", testNestedGrowth},
		{"nested failure", testNestedFailure},
		{"deep recursion", testDeepRecursion},
		{"endless recursion", testEndlessRecursion},
		{"start section", testStartSection},
		{"start traps", testStartTraps},
		{"foreign text", testForeignText},
		{"initializer", testInitializer},
		{"isolation", testIsolation},
		{"closing", testClosing},
		{"concurrency", testConcurrency},
		{"traps under load", testTrapsUnderLoad},
		{"private anonymous memory", testPrivateAnonymousMemory},
		{"no allocation", testNoAllocation},
		{"disk cache", testDiskCache},
		{"full cache", testFullCache},
		{"no leak", testNoLeak},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, open) })
	}
}

func openEngine(t testing.TB, open New) engines.Engine {
	t.Helper()
	return openEngineAt(t, open, t.TempDir())
}

func openEngineAt(t testing.TB, open New, dir string) engines.Engine {
	t.Helper()
	engine, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return engine
}

func compile(t testing.TB, engine engines.Engine, name string) engines.Module {
	t.Helper()
	module, err := engine.Compile(t.Context(), Module(t, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := module.Close(); err != nil {
			t.Error(err)
		}
	})
	return module
}

func instantiate(t testing.TB, module engines.Module, config engines.InstanceConfig) engines.Instance {
	t.Helper()
	if config.Name == "" {
		config.Name = "guest"
	}
	instance, err := module.Instantiate(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := instance.Close(); err != nil {
			t.Error(err)
		}
	})
	return instance
}

// newPlain is an instance of the guest without imports.
func newPlain(t testing.TB, open New) engines.Instance {
	t.Helper()
	return instantiate(t, compile(t, openEngine(t, open), "plain"), engines.InstanceConfig{})
}

// handlers are the host functions of the guest that has some; a nil one does nothing.
type handlers struct {
	host, event, nothing func(caller engines.Instance, stack []uint64) error
}

const (
	i32 = engines.I32
	i64 = engines.I64
	f32 = engines.F32
	f64 = engines.F64
)

func types(valueTypes ...engines.ValueType) []engines.ValueType { return valueTypes }

func (h handlers) functions() []engines.HostFunction {
	orNothing := func(handler func(engines.Instance, []uint64) error) func(engines.Instance, []uint64) error {
		if handler == nil {
			return func(engines.Instance, []uint64) error { return nil }
		}
		return handler
	}
	return []engines.HostFunction{
		{
			FunctionType: engines.FunctionType{Name: "host", Params: types(i32, i64, f32, f64), Results: types(i64)},
			Module:       "env",
			Handler:      orNothing(h.host),
		},
		{
			FunctionType: engines.FunctionType{Name: "event", Params: types(i32), Results: types(i32)},
			Module:       "env",
			Handler:      orNothing(h.event),
		},
		{
			FunctionType: engines.FunctionType{Name: "nothing"},
			Module:       "env",
			Handler:      orNothing(h.nothing),
		},
	}
}

func newHosted(t testing.TB, open New, h handlers) engines.Instance {
	t.Helper()
	return instantiate(t, compile(t, openEngine(t, open), "hosted"), engines.InstanceConfig{Imports: h.functions()})
}

func function(t testing.TB, instance engines.Instance, name string) engines.Function {
	t.Helper()
	f, ok := instance.Function(name)
	if !ok {
		t.Fatalf("%s is not exported", name)
	}
	return f
}

// call returns the first slot of the stack after the call.
func call(t testing.TB, instance engines.Instance, name string, params ...uint64) uint64 {
	t.Helper()
	result, err := tryCall(t, instance, name, params...)
	if err != nil {
		t.Fatalf("call %s: %v", name, err)
	}
	return result
}

func tryCall(t testing.TB, instance engines.Instance, name string, params ...uint64) (uint64, error) {
	t.Helper()
	stack := make([]uint64, 8)
	copy(stack, params)
	err := function(t, instance, name).Call(stack)
	return stack[0], err
}
