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

// suite is an engine under test with the modules that were compiled, which the parts share.
type suite struct {
	t       testing.TB
	open    New
	engine  engines.Engine
	modules map[string]engines.Module
}

func newSuite(t testing.TB, open New) *suite {
	t.Helper()
	return &suite{t, open, openEngine(t, open, t.TempDir()), map[string]engines.Module{}}
}

// Run checks that an engine keeps the contract of package engines.
func Run(t *testing.T, open New) {
	s := newSuite(t, open)
	for _, part := range []struct {
		name string
		run  func(*suite, *testing.T)
	}{
		{"identity", (*suite).testIdentity},
		{"compile errors", (*suite).testCompileErrors},
		{"features", (*suite).testFeatures},
		{"types", (*suite).testTypes},
		{"imports", (*suite).testImports},
		{"exports", (*suite).testExports},
		{"values", (*suite).testValues},
		{"host values", (*suite).testHostValues},
		{"traps", (*suite).testTraps},
		{"trap spares others", (*suite).testTrapSparesOthers},
		{"host errors", (*suite).testHostErrors},
		{"host panics", (*suite).testHostPanics},
		{"exit", (*suite).testExit},
		{"memory view", (*suite).testMemoryView},
		{"memory growth", (*suite).testMemoryGrowth},
		{"memory limit", (*suite).testMemoryLimit},
		{"memory too large", (*suite).testMemoryTooLarge},
		{"table limit", (*suite).testTableLimit},
		{"refused modules", (*suite).testRefusedModules},
		{"stacks", (*suite).testStacks},
		{"small stacks", (*suite).testSmallStacks},
		{"whole address space", (*suite).testWholeAddressSpace},
		{"memory of its own", (*suite).testHiddenMemory},
		{"memory seen by host", (*suite).testMemorySeenByHost},
		{"nested calls", (*suite).testNestedCalls},
		{"nested growth", (*suite).testNestedGrowth},
		{"nested failure", (*suite).testNestedFailure},
		{"deep recursion", (*suite).testDeepRecursion},
		{"endless recursion", (*suite).testEndlessRecursion},
		{"start section", (*suite).testStartSection},
		{"start traps", (*suite).testStartTraps},
		{"foreign text", (*suite).testForeignText},
		{"initializer", (*suite).testInitializer},
		{"isolation", (*suite).testIsolation},
		{"closing", (*suite).testClosing},
		{"concurrency", (*suite).testConcurrency},
		{"traps under load", (*suite).testTrapsUnderLoad},
		{"private anonymous memory", (*suite).testPrivateAnonymousMemory},
		{"no allocation", (*suite).testNoAllocation},
		{"disk cache", (*suite).testDiskCache},
		{"full cache", (*suite).testFullCache},
		{"no leak", (*suite).testNoLeak},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(s, t) })
	}
}

func openEngine(t testing.TB, open New, dir string) engines.Engine {
	t.Helper()
	engine, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, engine)
	return engine
}

func closeAfter(t testing.TB, closer interface{ Close() error }) {
	t.Cleanup(func() {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	})
}

func compile(t testing.TB, engine engines.Engine, wasm []byte) engines.Module {
	t.Helper()
	module, err := engine.Compile(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, module)
	return module
}

// module is that of testdata, compiled once. A test must not close it.
func (s *suite) module(t testing.TB, name string) engines.Module {
	t.Helper()
	if s.modules[name] == nil {
		module, err := s.engine.Compile(s.t.Context(), Module(t, name))
		if err != nil {
			t.Fatal(err)
		}
		closeAfter(s.t, module)
		s.modules[name] = module
	}
	return s.modules[name]
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
	closeAfter(t, instance)
	return instance
}

// start makes an instance of a module of testdata.
func (s *suite) start(t testing.TB, name string, h handlers) engines.Instance {
	t.Helper()
	return instantiate(t, s.module(t, name), engines.InstanceConfig{Imports: h.functions()})
}

// refusal is the error of a module of which no instance is made.
func refusal(t testing.TB, module engines.Module, config engines.InstanceConfig) error {
	t.Helper()
	instance, err := module.Instantiate(t.Context(), config)
	if err == nil {
		instance.Close()
		t.Fatal("instantiated")
	}
	return err
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
	functions := []engines.HostFunction{
		{FunctionType: engines.FunctionType{Name: "host", Params: types(i32, i64, f32, f64), Results: types(i64)}, Handler: h.host},
		{FunctionType: engines.FunctionType{Name: "event", Params: types(i32), Results: types(i32)}, Handler: h.event},
		{FunctionType: engines.FunctionType{Name: "nothing"}, Handler: h.nothing},
	}
	for i := range functions {
		f := &functions[i]
		if f.Module = "env"; f.Handler == nil {
			f.Handler = func(engines.Instance, []uint64) error { return nil }
		}
	}
	return functions
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
