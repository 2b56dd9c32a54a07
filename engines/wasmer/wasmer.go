//go:build cgo && linux && amd64 && wasmer

package wasmer

// #cgo CFLAGS: -I${SRCDIR}/../internal/bridge
// #include "wasmer.h"
import "C"

import (
	"unsafe"

	"github.com/wasmerio/wasmer-go/wasmer"

	"rrbench/engines"
	"rrbench/engines/internal/bridge"
)

const library = "github.com/wasmerio/wasmer-go"

// Check returns nil when the engine can run here, else an *engines.Unavailable.
func Check() error { return engines.CheckAddressSpace(Name, 1) }

// New makes an engine that keeps the code of large modules below cacheDir, or below the
// user's cache directory when cacheDir is empty.
func New(cacheDir string) (engines.Engine, error) {
	return bridge.Open(bridge.Config{
		Name:    Name,
		Version: C.GoString(C.wasmer_version()) + ", wasmer-go " + engines.LibraryVersion(library, wasmer.NewEngine),
		Capabilities: engines.Capabilities{
			StableBase:             true,
			PrivateAnonymousMemory: true,
			KeepsCode:              true,
		},
		Backend:  unsafe.Pointer(C.wasmer_backend()),
		CacheDir: cacheDir,
		Causes:   causes,
	})
}

// causes has Wasmer's words, and those of the other engines.
var causes = [][2]string{
	{"call stack exhausted", "stack overflow"},
	{"out of bounds memory access", "out of bounds memory access"},
	{"undefined element: out of bounds table access", "out of bounds table access"},
	{"uninitialized element", "indirect call to null"},
	{"indirect call type mismatch", "indirect call type mismatch"},
	{"integer overflow", "integer overflow"},
	{"integer divide by zero", "integer divide by zero"},
	{"invalid conversion to integer", "invalid conversion to integer"},
	{"unreachable", "unreachable"},
}
