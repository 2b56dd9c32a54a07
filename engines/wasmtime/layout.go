//go:build cgo && !wasmer

package wasmtime

// #include "bridge.h"
import "C"

import (
	"unsafe"

	"github.com/bytecodealliance/wasmtime-go/v39"
)

// Of wasmtime-go's objects the bridge needs what they wrap: a value of the C API in
// functions and memories, a pointer in types and configurations. Each is the object's first field.
//
// These lines compile only while the bridge's declarations are as large as wasmtime-go's,
// and layout_test.go looks at the fields.
var (
	_ [C.sizeof_wasmtime_func_t]byte   = [unsafe.Sizeof(wasmtime.Func{})]byte{}
	_ [C.sizeof_wasmtime_memory_t]byte = [unsafe.Sizeof(wasmtime.Memory{})]byte{}
	_ [C.sizeof_wasmtime_extern_t]byte = [unsafe.Sizeof((*wasmtime.Func)(nil).AsExtern())]byte{}
)

// functionValue is the wasmtime_func_t of a function.
func functionValue(function *wasmtime.Func) unsafe.Pointer { return unsafe.Pointer(function) }

// memoryValue is the wasmtime_memory_t of a memory.
func memoryValue(memory *wasmtime.Memory) unsafe.Pointer { return unsafe.Pointer(memory) }

// functionTypePointer is the wasm_functype_t of a type. The type must outlive its use.
func functionTypePointer(kind *wasmtime.FuncType) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(kind))
}

// configPointer is the wasm_config_t of a configuration, which must outlive its use.
func configPointer(config *wasmtime.Config) C.uintptr_t {
	return *(*C.uintptr_t)(unsafe.Pointer(config))
}
