//go:build cgo && linux && amd64 && v8

package v8

// #cgo CFLAGS: -I${SRCDIR}/../internal/bridge
// #cgo CXXFLAGS: -O2 -fno-rtti -fno-exceptions -std=c++17 -DV8_COMPRESS_POINTERS -DV8_31BIT_SMIS_ON_64BIT_ARCH -DV8_ENABLE_SANDBOX -I${SRCDIR}/../internal/bridge
// #cgo LDFLAGS: -pthread -lv8 -ldl
// #include "embed.h"
import "C"

import (
	"unsafe"

	"rogchap.com/v8go"

	"rrbench/engines"
	"rrbench/engines/internal/bridge"
)

// Check returns nil when the engine can run here, else an *engines.Unavailable.
func Check() error { return engines.CheckAddressSpace(Name, 1) }

// New makes an engine. It keeps no code in cacheDir: V8 serializes only what it has optimized, which is little
// of a module that has not run.
func New(string) (engines.Engine, error) {
	return bridge.Open(bridge.Config{
		Name:    Name,
		Version: v8go.Version(),
		Capabilities: engines.Capabilities{
			StableBase:             true,
			PrivateAnonymousMemory: true,
		},
		// Atomic instructions, with which no other engine here comes.
		Lenient: true,
		Backend: unsafe.Pointer(C.v8_backend()),
		Causes:  causes,
	})
}

// causes has V8's words, and those of the other engines.
var causes = [][2]string{
	{"Maximum call stack size exceeded", "stack overflow"},
	{"memory access out of bounds", "out of bounds memory access"},
	{"table index is out of bounds", "out of bounds table access"},
	{"null function or function signature mismatch", "indirect call to null, or of another type"},
	{"divide result unrepresentable", "integer overflow"},
	{"divide by zero", "integer divide by zero"},
	{"remainder by zero", "integer divide by zero"},
	{"float unrepresentable in integer range", "invalid conversion to integer"},
	{"unreachable", "unreachable"},
}
