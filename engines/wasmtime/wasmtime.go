//go:build cgo && linux && !wasmer

package wasmtime

// #cgo CFLAGS: -I${SRCDIR}/../internal/bridge
// #include "wasmtime.h"
import "C"

import (
	"fmt"
	"os"
	"sync"
	"unsafe"

	"github.com/bytecodealliance/wasmtime-go/v39"

	"rrbench/engines"
	"rrbench/engines/internal/bridge"
	pages "rrbench/memory"
)

const library = "github.com/bytecodealliance/wasmtime-go/v39"

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
	return bridge.Open(bridge.Config{
		Name:    Name,
		Version: engines.LibraryVersion(library, wasmtime.NewEngine),
		Capabilities: engines.Capabilities{
			StableBase:             true,
			PrivateAnonymousMemory: true,
			KeepsCode:              true,
			// Those that the backend leaves on.
			Features: []engines.Feature{engines.ExtendedConstants, engines.TailCalls, engines.RelaxedSIMD},
		},
		Bounds:   true,
		Backend:  backend(),
		CacheDir: cacheDir,
	})
}

// backend is Wasmtime itself, of which a process has one.
var backend = sync.OnceValue(func() unsafe.Pointer {
	place := pages.LinearPlace
	stack := maxWasmStack(int(C.thread_stack()))
	return unsafe.Pointer(C.wasmtime_backend(C.size_t(stack), C.size_t(place.Offset), C.size_t(place.Modulus)))
})

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

// These lines compile only while the backend's declarations are as large as wasmtime-go's,
// and layout_test.go looks at the fields.
var (
	_ [C.sizeof_wasmtime_func_t]byte     = [unsafe.Sizeof(wasmtime.Func{})]byte{}
	_ [C.sizeof_wasmtime_memory_t]byte   = [unsafe.Sizeof(wasmtime.Memory{})]byte{}
	_ [C.sizeof_wasmtime_instance_t]byte = [unsafe.Sizeof(wasmtime.Instance{})]byte{}
	_ [C.sizeof_wasmtime_extern_t]byte   = [unsafe.Sizeof((*wasmtime.Func)(nil).AsExtern())]byte{}
)
