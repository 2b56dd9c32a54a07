// Package wazero runs guests on wazero, a WebAssembly runtime written in Go, with its
// optimizing compiler (never its interpreter: that would be another engine).
//
// On Linux every linear memory is one reserved piece of address space: growing makes more
// of it accessible and never moves or copies a byte.
package wazero

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/tetratelabs/wazero"

	"rrbench/engines"
	"rrbench/engines/internal/codecache"
)

// Name is the engine's name on the command line and in results.
const Name = "wazero"

const library = "github.com/tetratelabs/wazero"

type engine struct {
	version string
	// memory holds the compiled code of small modules and wazero's own trampolines.
	memory wazero.CompilationCache
	disk   *codecache.Cache
}

// Check returns nil when the engine can run here, else an *engines.Unavailable.
func Check() error {
	switch runtime.GOARCH {
	case "amd64", "arm64":
		return engines.CheckAddressSpace(Name, 1)
	}
	return &engines.Unavailable{
		Engine: Name,
		Reason: "its compiler does not make code for " + runtime.GOARCH,
		Remedy: "use a machine with amd64 or arm64",
	}
}

// New makes an engine that keeps the code of large modules below cacheDir, or below the
// user's cache directory when cacheDir is empty. Without a usable directory it compiles
// anew in every process.
func New(cacheDir string) (engines.Engine, error) {
	if err := Check(); err != nil {
		return nil, err
	}
	version := engines.LibraryVersion(library, wazero.NewRuntime)
	disk, err := codecache.Open(cacheDir, Name, version+listed())
	if err != nil {
		return nil, fmt.Errorf("engine %s: %w", Name, err)
	}
	return &engine{
		version: version,
		memory:  wazero.NewCompilationCache(),
		disk:    disk,
	}, nil
}

// listed distinguishes programs with a list of their modules from those without, such as tests:
// wazero reads its own version from that list. With another version it does not use kept code but
// compiles anew into the same entry.
func listed() string {
	if info, ok := debug.ReadBuildInfo(); ok && len(info.Deps) > 0 {
		return ""
	}
	return " (not listed)"
}

func (e *engine) Name() string    { return Name }
func (e *engine) Version() string { return e.version }

func (e *engine) CacheFault() error { return e.disk.Fault() }

func (e *engine) Capabilities() engines.Capabilities {
	return engines.Capabilities{
		StableBase:             true,
		PrivateAnonymousMemory: true,
		UninterruptibleCalls:   true,
		KeepsCode:              true,
	}
}

func (e *engine) Close() error { return e.memory.Close(context.Background()) }
