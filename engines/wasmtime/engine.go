//go:build cgo

package wasmtime

import (
	"fmt"

	"github.com/bytecodealliance/wasmtime-go/v39"

	"rrbench/engines"
	"rrbench/engines/internal/codecache"
)

const library = "github.com/bytecodealliance/wasmtime-go/v39"

type engine struct {
	version string
	runtime *wasmtime.Engine
	disk    *codecache.Cache
}

var _ engines.Engine = (*engine)(nil)

// Check returns nil when the engine can run here, else an *engines.Unavailable.
func Check() error { return engines.CheckAddressSpace(Name, 1) }

// New makes an engine that keeps the code of large modules below cacheDir, or below the
// user's cache directory when cacheDir is empty. Without a usable directory it compiles
// anew in every process.
func New(cacheDir string) (engines.Engine, error) {
	version := engines.LibraryVersion(library, wasmtime.NewEngine)
	disk, err := codecache.Open(cacheDir, Name, version)
	if err != nil && cacheDir != "" {
		return nil, fmt.Errorf("engine %s: %w", Name, err)
	}
	return &engine{
		version: version,
		runtime: wasmtime.NewEngineWithConfig(configuration()),
		disk:    disk,
	}, nil
}

// configuration departs from Wasmtime's defaults, which favour speed (Cranelift at its
// "speed" level, bounds checks by guard pages, 4 GiB of address space reserved for each
// memory so that none ever moves), where they stand in the way.
func configuration() *wasmtime.Config {
	config := wasmtime.NewConfig()
	// Initial memory contents would be a file mapping, which is not to be moved away.
	config.SetMemoryInitCOWSet(false)
	// Unwind tables serve debuggers only; they are registered one by one and kept.
	config.SetNativeUnwindInfo(false)
	// What the other engines do not offer either; a shared or 64-bit memory would also
	// break what the capabilities promise.
	config.SetWasmThreads(false)
	config.SetWasmMemory64(false)
	config.SetWasmMultiMemory(false)
	// The limiter does not count what garbage collection would hold.
	config.SetWasmGC(false)
	config.SetWasmFunctionReferences(false)
	return config
}

func (e *engine) Name() string    { return Name }
func (e *engine) Version() string { return e.version }

func (e *engine) CacheFault() error { return e.disk.Fault() }

func (e *engine) Capabilities() engines.Capabilities {
	return engines.Capabilities{
		StableBase:             true,
		PrivateAnonymousMemory: true,
		UninterruptibleCalls:   false,
	}
}

func (e *engine) Close() error {
	e.runtime.Close()
	return nil
}
