//go:build cgo && !wasmer

package wasmtime

// #include "bridge.h"
import "C"

import (
	"fmt"
	"os"

	"github.com/bytecodealliance/wasmtime-go/v39"

	"rrbench/engines"
	"rrbench/engines/internal/codecache"
	pages "rrbench/memory"
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
	// With RUST_BACKTRACE, which developers set, each error that ends a guest would read the debug
	// information of the whole program, for 100 ms and more. Panics keep their backtraces. See std::backtrace.
	if err := os.Setenv("RUST_LIB_BACKTRACE", "0"); err != nil {
		return nil, fmt.Errorf("engine %s: %w", Name, err)
	}
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
	// Without it memories begin somewhere, and have no windows.
	place := pages.LinearPlace
	C.place_memories(configPointer(config), C.size_t(place.Offset), C.size_t(place.Modulus))
	// Initial memory contents would be a file mapping, which is not to be moved away.
	config.SetMemoryInitCOWSet(false)
	// Unwind tables serve debuggers only; they are registered one by one and kept.
	config.SetNativeUnwindInfo(false)
	// What the other engines do not offer either; a shared or 64-bit memory would also
	// break what the capabilities promise.
	config.SetWasmThreads(false)
	config.SetWasmMemory64(false)
	config.SetWasmMultiMemory(false)
	config.SetMaxWasmStack(maxWasmStack(int(C.thread_stack())))
	// The limiter does not count what garbage collection would hold.
	config.SetWasmGC(false)
	config.SetWasmFunctionReferences(false)
	return config
}

const (
	// usualStack is Wasmtime's own default, in bytes.
	usualStack = 512 << 10
	// hostStack is what the host's part of a call takes of a thread's stack, in bytes: functions
	// of C and of Go's runtime, a host function among them, and what makes a trap. Four were
	// enough in all tests.
	hostStack = 32 << 10
	// nestedGuests is how many instances call one another, through the host, on one thread: each
	// has a stack of its own there.
	nestedGuests = 2
	// leastStack is what a guest has at least; threads without room for that are not made to.
	leastStack = 4 << 10
)

// maxWasmStack is the most that a guest may take of a thread's stack of so many bytes. What it
// takes beyond the thread's ends the process, so no trap would be left of it.
func maxWasmStack(thread int) int {
	// They lie on the main thread's.
	for _, text := range append(os.Environ(), os.Args...) {
		thread -= len(text) + 1
	}
	return min(max(thread/nestedGuests-hostStack, leastStack), usualStack)
}

// features are those that configuration leaves on.
var features = []engines.Feature{engines.ExtendedConstants, engines.TailCalls, engines.RelaxedSIMD}

func (e *engine) Name() string    { return Name }
func (e *engine) Version() string { return e.version }

func (e *engine) CacheFault() error { return e.disk.Fault() }

func (e *engine) Capabilities() engines.Capabilities {
	return engines.Capabilities{
		StableBase:             true,
		PrivateAnonymousMemory: true,
		UninterruptibleCalls:   false,
		KeepsCode:              true,
		Features:               features,
	}
}

func (e *engine) Close() error {
	e.runtime.Close()
	return nil
}
