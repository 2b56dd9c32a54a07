package wazero

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"rrbench/engines"
	"rrbench/engines/internal/codecache"
	"rrbench/engines/internal/crossing"
	"rrbench/foreign"
)

type module struct {
	*engines.ModuleTypes
	// The runtime lives as long.
	crossing.Lifetime
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	// cache is the module's own one, or nil.
	cache wazero.CompilationCache
}

// apiTypes relies on both sides using the encoding of the binary format.
func apiTypes(types []engines.ValueType) []api.ValueType {
	converted := make([]api.ValueType, len(types))
	for i, valueType := range types {
		converted[i] = api.ValueType(valueType)
	}
	return converted
}

// makeTrampolines compiles the way out of the guest once for all instances.
func (m *module) makeTrampolines(ctx context.Context) error {
	builders := map[string]wazero.HostModuleBuilder{}
	for index, function := range m.Imported {
		builder := builders[function.ImportModule]
		if builder == nil {
			builder = m.runtime.NewHostModuleBuilder(function.ImportModule)
			builders[function.ImportModule] = builder
		}
		builder.NewFunctionBuilder().
			WithGoFunction(trampoline(index), apiTypes(function.Params), apiTypes(function.Results)).
			Export(function.Name)
	}
	for _, builder := range builders {
		if _, err := builder.Instantiate(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (m *module) dispose() error {
	ctx := context.Background()
	err := m.runtime.Close(ctx)
	if m.compiled != nil {
		err = errors.Join(err, m.compiled.Close(ctx))
	}
	if m.cache != nil {
		err = errors.Join(err, m.cache.Close(ctx))
	}
	return err
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return foreign.Line(line, foreign.Usual)
}

func (e *engine) Compile(ctx context.Context, wasm []byte) (engines.Module, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	wasm, types, err := engines.Admit(Name, wasm)
	if err != nil {
		return nil, err
	}
	if len(wasm) < codecache.Worthwhile {
		return e.compile(ctx, wasm, types, "")
	}
	// Each large module has a wazero cache of its own, whose directory is an entry of ours: wazero's checksum
	// covers a part of its file only and a wrong length in the rest ends the process, so nothing reaches it
	// that our digest has not cleared.
	key := e.disk.Key(wasm)
	if dir, ok := e.disk.Find(key); ok {
		if found, err := e.compile(ctx, wasm, types, dir); err == nil {
			return found, nil
		}
	}
	var compiled engines.Module
	fault := e.disk.Keep(key, func(dir string) (err error) {
		compiled, err = e.compile(ctx, wasm, types, dir)
		return err
	})
	if compiled == nil {
		// The directory or the module is at fault.
		if compiled, err = e.compile(ctx, wasm, types, ""); err != nil {
			return nil, err
		}
	}
	// The module works without its entry too, which the next process then makes.
	e.disk.Blame(fault)
	return compiled, nil
}

// compile makes a runtime for one module, because host functions belong to a runtime and
// two modules may import the same name with different signatures. Its code is in dir, or in memory
// where that is empty.
func (e *engine) compile(ctx context.Context, wasm []byte, types *engines.ModuleTypes, dir string) (_ engines.Module, err error) {
	m := &module{ModuleTypes: types}
	m.Free = m.dispose
	cache := e.memory
	if dir != "" {
		if m.cache, err = wazero.NewCompilationCacheWithDir(dir); err != nil {
			return nil, fmt.Errorf("open the compilation cache: %w", err)
		}
		cache = m.cache
	}
	m.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().
		WithCompilationCache(cache).
		// Lines of a guest's source would need its debug sections parsed and kept.
		WithDebugInfoEnabled(false))
	defer func() {
		if err != nil {
			m.dispose()
		}
	}()
	parallel := experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	if m.compiled, err = m.runtime.CompileModule(parallel, wasm); err != nil {
		return nil, engines.Refused(Name, nil, wasm, firstLine(err))
	}
	if err := m.makeTrampolines(ctx); err != nil {
		return nil, fmt.Errorf("prepare host functions: %w", err)
	}
	return m, nil
}
