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
	wasm, err := engines.Admit(Name, wasm)
	if err != nil {
		return nil, err
	}
	if len(wasm) >= codecache.Worthwhile {
		return e.compileOnDisk(ctx, wasm)
	}
	return compile(ctx, wasm, e.memory, false)
}

// compileOnDisk gives each large module a wazero cache of its own, whose directory is an
// entry of ours: wazero's checksum covers a part of its file only and a wrong length in
// the rest ends the process, so nothing reaches it that our digest has not cleared.
func (e *engine) compileOnDisk(ctx context.Context, wasm []byte) (engines.Module, error) {
	key := e.disk.Key(wasm)
	if dir, ok := e.disk.Find(key); ok {
		if found, err := compileWithDirectory(ctx, wasm, dir); err == nil {
			return found, nil
		}
	}
	var compiled engines.Module
	fault := e.disk.Keep(key, func(dir string) (err error) {
		compiled, err = compileWithDirectory(ctx, wasm, dir)
		return err
	})
	if compiled == nil {
		// The directory or the module is at fault.
		var err error
		if compiled, err = compile(ctx, wasm, e.memory, false); err != nil {
			return nil, err
		}
	}
	// The module works without its entry too, which the next process then makes.
	e.disk.Blame(fault)
	return compiled, nil
}

func compileWithDirectory(ctx context.Context, wasm []byte, dir string) (engines.Module, error) {
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open the compilation cache: %w", err)
	}
	return compile(ctx, wasm, cache, true)
}

// compile makes a runtime for one module, because host functions belong to a runtime and
// two modules may import the same name with different signatures.
func compile(ctx context.Context, wasm []byte, cache wazero.CompilationCache, ownsCache bool) (_ engines.Module, err error) {
	config := wazero.NewRuntimeConfigCompiler().
		WithCompilationCache(cache).
		// Lines of a guest's source would need its debug sections parsed and kept.
		WithDebugInfoEnabled(false)
	m := &module{runtime: wazero.NewRuntimeWithConfig(ctx, config)}
	if ownsCache {
		m.cache = cache
	}
	defer func() {
		if err != nil {
			m.dispose()
		}
	}()
	parallel := experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	m.compiled, err = m.runtime.CompileModule(parallel, wasm)
	if err != nil {
		return nil, engines.Refused(Name, nil, wasm, firstLine(err))
	}
	if err := m.describe(); err != nil {
		return nil, fmt.Errorf("engine %s refuses the module: %w", Name, err)
	}
	if err := m.makeTrampolines(ctx); err != nil {
		return nil, fmt.Errorf("prepare host functions: %w", err)
	}
	return m, nil
}
