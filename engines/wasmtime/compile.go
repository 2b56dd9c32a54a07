//go:build cgo && !wasmer

package wasmtime

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bytecodealliance/wasmtime-go/v39"

	"rrbench/engines"
	"rrbench/engines/internal/codecache"
)

// codeFile is the one file of a cache entry: what Module.Serialize returned.
const codeFile = "module.cwasm"

func (e *engine) Compile(ctx context.Context, wasm []byte) (engines.Module, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	wasm, err := engines.Admit(Name, wasm)
	if err != nil {
		return nil, err
	}
	compiled, err := e.compile(wasm)
	if err != nil {
		return nil, engines.Refused(Name, features, wasm, oneLine(err.Error()))
	}
	m := &module{runtime: e.runtime, compiled: compiled}
	if err := m.describe(); err != nil {
		compiled.Close()
		return nil, fmt.Errorf("engine %s refuses the module: %w", Name, err)
	}
	return m, nil
}

func (e *engine) compile(wasm []byte) (*wasmtime.Module, error) {
	if len(wasm) < codecache.Worthwhile {
		return wasmtime.NewModule(e.runtime, wasm)
	}
	key := e.disk.Key(wasm)
	if dir, ok := e.disk.Find(key); ok {
		// Wasmtime checks version, configuration and processor by itself, and the file is
		// mapped: processes share its pages.
		if found, err := wasmtime.NewModuleDeserializeFile(e.runtime, filepath.Join(dir, codeFile)); err == nil {
			return found, nil
		}
	}
	compiled, err := wasmtime.NewModule(e.runtime, wasm)
	if err == nil {
		// The module works without its entry too, which the next process then makes.
		e.disk.Blame(e.disk.Keep(key, func(dir string) error {
			code, err := compiled.Serialize()
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, codeFile), code, 0o600)
		}))
	}
	return compiled, err
}
