//go:build cgo && linux

package bridge

// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"

	"rrbench/engines"
	"rrbench/engines/internal/codecache"
	"rrbench/engines/internal/crossing"
)

// Config is what differs between engines.
type Config struct {
	Name, Version string
	Capabilities  engines.Capabilities
	// Backend is a *backend in C, for ever valid.
	Backend unsafe.Pointer
	// Bounds: the engine bounds each guest's stack and memory by itself.
	Bounds bool
	// Lenient: the engine accepts features that Capabilities does not list, and has no setting against them.
	Lenient bool
	// CacheDir is where code is kept, if the backend can serialize; empty means the user's.
	CacheDir string
	// Causes translate the engine's texts for the end of a call: the first whose first element is part of the text
	// replaces it by the second, which is the same for all engines.
	Causes [][2]string
}

type engine struct {
	Config
	backend *C.backend
	// disk is nil for an engine whose code cannot be kept.
	disk *codecache.Cache
}

// mainStack is what the main thread's stack may grow to, in bytes, where it would have no end: a guest's
// recursion would take all memory. Other threads have theirs from the start.
const mainStack = 8 << 20

func boundMainStack() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &limit); err != nil || limit.Cur <= mainStack {
		return err
	}
	limit.Cur = mainStack
	return unix.Setrlimit(unix.RLIMIT_STACK, &limit)
}

// Open makes an engine.
func Open(config Config) (engines.Engine, error) {
	if !config.Bounds {
		if err := boundMainStack(); err != nil {
			return nil, fmt.Errorf("engine %s: limit the stack: %w", config.Name, err)
		}
	}
	e := &engine{Config: config, backend: (*C.backend)(config.Backend)}
	if e.backend.serialize != nil {
		var err error
		if e.disk, err = codecache.Open(config.CacheDir, config.Name, config.Version); err != nil {
			return nil, fmt.Errorf("engine %s: %w", config.Name, err)
		}
	}
	return e, nil
}

func (e *engine) Name() string                       { return e.Config.Name }
func (e *engine) Version() string                    { return e.Config.Version }
func (e *engine) Capabilities() engines.Capabilities { return e.Config.Capabilities }
func (e *engine) Close() error                       { return nil }

func (e *engine) CacheFault() error {
	if e.disk == nil {
		return nil
	}
	return e.disk.Fault()
}

// module is compiled; instances hold what they need of it by themselves.
type module struct {
	*engines.ModuleTypes
	crossing.Lifetime
	engine   *engine
	compiled unsafe.Pointer
}

func (e *engine) Compile(ctx context.Context, wasm []byte) (engines.Module, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	wasm, types, err := engines.Admit(e.Config.Name, wasm)
	if err != nil {
		return nil, err
	}
	if e.Lenient {
		if err := engines.CheckFeatures(e.Config.Name, e.Config.Capabilities.Features, wasm); err != nil {
			return nil, err
		}
	}
	code := wasm
	if !e.Bounds {
		code = engines.ImportMemory(wasm, types.Memory)
	}
	compiled, err := e.compile(code)
	if err != nil {
		return nil, engines.Refused(e.Config.Name, e.Config.Capabilities.Features, wasm, err.Error())
	}
	free := func() error {
		C.backend_free_module(e.backend, compiled)
		return nil
	}
	return &module{ModuleTypes: types, Lifetime: crossing.Lifetime{Free: free}, engine: e, compiled: compiled}, nil
}

// codeFile is the one file of a cache entry.
const codeFile = "module"

func (e *engine) compile(wasm []byte) (unsafe.Pointer, error) {
	if e.disk == nil || len(wasm) < codecache.Worthwhile {
		return e.compileNow(wasm)
	}
	key := e.disk.Key(wasm)
	if dir, ok := e.disk.Find(key); ok {
		if found := e.load(filepath.Join(dir, codeFile)); found != nil {
			return found, nil
		}
	}
	compiled, err := e.compileNow(wasm)
	if err == nil {
		// The module works without its entry too, which the next process then makes.
		e.disk.Blame(e.disk.Keep(key, func(dir string) error {
			var length C.size_t
			code := C.backend_serialize(e.backend, compiled, &length)
			if code == nil {
				return errors.New("the engine gives no code")
			}
			defer C.free(unsafe.Pointer(code))
			return os.WriteFile(filepath.Join(dir, codeFile), unsafe.Slice((*byte)(code), length), 0o600)
		}))
	}
	return compiled, err
}

// load returns nil where the file is of no use.
func (e *engine) load(path string) unsafe.Pointer {
	if e.backend.deserialize_file != nil {
		name := C.CString(path)
		defer C.free(unsafe.Pointer(name))
		return C.backend_deserialize_file(e.backend, name)
	}
	code, err := os.ReadFile(path)
	if err != nil || len(code) == 0 {
		return nil
	}
	return C.backend_deserialize(e.backend, bytePointer(code), C.size_t(len(code)))
}

func (e *engine) compileNow(wasm []byte) (unsafe.Pointer, error) {
	var message *C.char
	compiled := C.backend_compile(e.backend, bytePointer(wasm), C.size_t(len(wasm)), &message)
	if compiled == nil {
		return nil, errors.New(take(message))
	}
	return compiled, nil
}

func bytePointer(bytes []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.SliceData(bytes)) }
