package enginetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"rrbench/engines"
	"rrbench/engines/internal/codecache"
)

func (s *suite) testIdentity(t *testing.T) {
	if s.engine.Name() == "" || s.engine.Version() == engines.UnknownVersion || s.engine.Version() == "" {
		t.Errorf("name %q, version %q", s.engine.Name(), s.engine.Version())
	}
}

func (s *suite) testCompileErrors(t *testing.T) {
	for name, test := range map[string]struct {
		wasm []byte
		want string
	}{
		"nothing":        {nil, "not a WebAssembly module"},
		"page not found": {[]byte("<html><body>404</body></html>"), "not a WebAssembly module"},
		"elf":            {[]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00"), "not a WebAssembly module"},
		"text":           {[]byte("  (module)"), "wat2wasm"},
		"cut in magic":   {[]byte("\x00as"), "not a WebAssembly module"},
		"cut in version": {[]byte("\x00asm\x01"), "not a WebAssembly module"},
		"component":      {[]byte("\x00asm\x0d\x00\x01\x00"), "component"},
		"version 2":      {[]byte("\x00asm\x02\x00\x00\x00"), "version"},
		"cut in section": {Module(t, "plain")[:60], "cut off"},
		"invalid code":   {Module(t, "invalid"), s.engine.Name()},
		"memory import":  {Module(t, "imported-memory"), "env.m"},
	} {
		t.Run(name, func(t *testing.T) {
			module, err := s.engine.Compile(t.Context(), test.wasm)
			if err == nil {
				module.Close()
				t.Fatal("compiled")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %q, want one line with %q", err, test.want)
			}
		})
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.engine.Compile(cancelled, Module(t, "plain")); err == nil {
		t.Error("compiled with a context that is done")
	}
}

func (s *suite) testTypes(t *testing.T) {
	module := s.module(t, "hosted")
	if got, want := fmt.Sprint(module.Imports()), "[env.host(i32, i64, f32, f64) -> i64 env.event(i32) -> i32 env.nothing()]"; got != want {
		t.Errorf("imports are %s, want %s", got, want)
	}
	for _, want := range []string{"host(i32, i64, f32, f64) -> i64", "event(i32) -> i32", "nothing()", "add(i32, i32) -> i32"} {
		if !slices.ContainsFunc(module.Exports(), func(export engines.FunctionType) bool { return export.String() == want }) {
			t.Errorf("exports %v lack %s", module.Exports(), want)
		}
	}
}

func (s *suite) testImports(t *testing.T) {
	module := s.module(t, "hosted")
	all := handlers{}.functions()
	wrong := all[1]
	wrong.Params = types(i64)
	for name, test := range map[string]struct {
		imports []engines.HostFunction
		want    []string
	}{
		"none":            {nil, []string{"env.host(i32, i64, f32, f64) -> i64", "env.event(i32) -> i32", "env.nothing()"}},
		"one missing":     {all[:2], []string{"env.nothing()"}},
		"wrong signature": {append([]engines.HostFunction{wrong}, all[0], all[2]), []string{"env.event(i32) -> i32", "env.event(i64) -> i32"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := refusal(t, module, engines.InstanceConfig{Name: "guest", Imports: test.imports})
			for _, want := range append(test.want, "guest") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
	t.Run("more than needed, and twice", func(t *testing.T) {
		instantiate(t, module, engines.InstanceConfig{Imports: append([]engines.HostFunction{wrong}, append(all, all...)...)})
	})
	t.Run("imported twice", func(t *testing.T) {
		if got := s.module(t, "imported-twice").Imports(); len(got) != 1 {
			t.Errorf("imports are %v", got)
		}
		instance := s.start(t, "imported-twice", handlers{
			event: func(_ engines.Instance, stack []uint64) error { stack[0]++; return nil },
		})
		if first, second := call(t, instance, "first", 1), call(t, instance, "second", 5); first != 2 || second != 6 {
			t.Errorf("results are %d and %d", first, second)
		}
	})
}

func (s *suite) testExports(t *testing.T) {
	instance := s.start(t, "plain", handlers{})
	if _, ok := instance.Function("missing"); ok {
		t.Error("found a function that is not exported")
	}
	if _, ok := instance.Function("memory"); ok {
		t.Error("found a memory as a function")
	}
	if function(t, instance, "add") != function(t, instance, "add") {
		t.Error("a lookup is not cached")
	}
	if got := function(t, instance, "add").Type().String(); got != "add(i32, i32) -> i32" {
		t.Errorf("type is %s", got)
	}
	if err := function(t, instance, "add").Call(make([]uint64, 1)); err == nil {
		t.Error("a stack that is too short is taken")
	}
}

// customSection is the id of a section that engines skip.
// See https://www.w3.org/TR/wasm-core-2/#custom-section
const customSection = 0

func (s *suite) testDiskCache(t *testing.T) {
	dir := t.TempDir()
	// What follows the section's id and size is a name of no length, and nothing that counts.
	section := make([]byte, 512<<10)
	large := slices.Concat(Module(t, "plain"), binary.AppendUvarint([]byte{customSection}, uint64(len(section))), section)
	run := func(t *testing.T) {
		t.Helper()
		module := compile(t, openEngine(t, s.open, dir), large)
		if got := call(t, instantiate(t, module, engines.InstanceConfig{}), "add", 2, 3); got != 5 {
			t.Errorf("2 + 3 = %d", got)
		}
	}
	run(t)
	before := files(t, dir)
	if !s.engine.Capabilities().KeepsCode {
		if len(before) != 0 {
			t.Errorf("%d files are kept", len(before))
		}
		return
	}
	if len(before) == 0 {
		t.Fatal("a large module is not kept")
	}
	run(t)
	if after := files(t, dir); !maps.Equal(before, after) {
		t.Error("the second compilation wrote to the cache")
	}
	for name, spoil := range map[string]func(content []byte) []byte{
		"flipped": func(content []byte) []byte {
			for i := range content {
				content[i] ^= 0x55
			}
			return content
		},
		"cut":      func(content []byte) []byte { return content[:len(content)/2] },
		"emptied":  func([]byte) []byte { return nil },
		"replaced": func([]byte) []byte { return []byte("#!/bin/sh\n") },
	} {
		t.Run(name, func(t *testing.T) {
			for path, content := range files(t, dir) {
				if err := os.WriteFile(path, spoil([]byte(content)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			run(t)
			if after := files(t, dir); len(after) != len(before) {
				t.Errorf("the cache holds %d files after the repair, %d before", len(after), len(before))
			}
			run(t)
		})
	}
	t.Run("small modules stay in memory", func(t *testing.T) {
		dir := t.TempDir()
		compile(t, openEngine(t, s.open, dir), Module(t, "plain"))
		if kept := files(t, dir); len(kept) != 0 {
			t.Errorf("cache holds %d files", len(kept))
		}
	})
}

// testFullCache has files of a limited length, as those on a full file system are. That holds for
// all files of a process, and this one's log of tests may be one.
func (s *suite) testFullCache(t *testing.T) {
	if !s.engine.Capabilities().KeepsCode {
		t.Skip("the engine keeps no code")
	}
	if os.Getenv(apartVariable) == "" {
		runApart(t, "true", "full_cache")
		return
	}
	functions := 400
	if testing.Short() {
		// Less code is worth keeping.
		functions, codecache.Worthwhile = 40, 16<<10
	}
	wasm := storing(functions)
	engine := openEngine(t, s.open, t.TempDir())
	if engine.CacheFault() != nil {
		t.Fatalf("there is a fault beforehand: %v", engine.CacheFault())
	}
	// The code is longer than the module.
	for _, limit := range []uint64{0, 4096, uint64(len(wasm))} {
		dir := t.TempDir()
		engine := openEngine(t, s.open, dir)
		var fault error
		limitFiles(t, limit, func() {
			for range 2 {
				module, err := engine.Compile(t.Context(), wasm)
				if err != nil && engine.Capabilities().CompilesToFiles {
					continue
				} else if err != nil {
					t.Errorf("files of %d bytes: %v", limit, err)
					continue
				}
				instance := instantiate(t, module, engines.InstanceConfig{})
				if got := call(t, instance, "answer"); got != 42 {
					t.Errorf("the answer is %d", got)
				}
				module.Close()
			}
			fault = engine.CacheFault()
		})
		if engine.Capabilities().CompilesToFiles {
			continue
		}
		if fault == nil || strings.Contains(fault.Error(), "\n") || !strings.Contains(fault.Error(), "file too large") {
			t.Errorf("files of %d bytes: the fault is %v", limit, fault)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(left) > 0 {
			t.Errorf("files of %d bytes: %v is left", limit, left)
		}
	}
	t.Run("invalid module", func(t *testing.T) {
		dir := t.TempDir()
		engine := openEngine(t, s.open, dir)
		invalid := slices.Clone(wasm)
		invalid[len(invalid)-3] = 0x6a // An addition of nothing.
		if module, err := engine.Compile(t.Context(), invalid); err == nil {
			module.Close()
			t.Error("compiled")
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(left) > 0 || engine.CacheFault() != nil {
			t.Errorf("it leaves %v and the fault %v", left, engine.CacheFault())
		}
	})
}

// limitFiles runs a step while no file may be longer than so many bytes (setrlimit(2)).
func limitFiles(t *testing.T, bytes uint64, step func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
	}()
	step()
}

// storing is a module with a memory, so many functions that store 100 numbers, and one, answer.
func storing(functions int) []byte {
	count := binary.AppendUvarint(nil, uint64(functions+1))
	// i32.const 0, i32.const 42, i32.store
	body := append([]byte{0}, bytes.Repeat([]byte{0x41, 0, 0x41, 42, 0x36, 2, 0}, 100)...)
	body = append(body, 0x41, 42, 0x0b)
	body = append(binary.AppendUvarint(nil, uint64(len(body))), body...)
	return module(
		section(1, []byte{1, 0x60, 0, 1, 0x7f}),
		section(3, count, make([]byte, functions+1)),
		section(5, []byte{1, 0, 1}),
		section(7, []byte("\x01\x06answer\x00\x00")),
		section(10, count, bytes.Repeat(body, functions+1)))
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		found[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
