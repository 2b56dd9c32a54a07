package wazero

import (
	"context"
	"fmt"
	"runtime"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"rrbench/engines"
	"rrbench/engines/internal/codecache"
)

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
