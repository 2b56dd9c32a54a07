//go:build cgo && !wasmer

package wasmtime

import (
	"reflect"
	"testing"

	"github.com/bytecodealliance/wasmtime-go/v39"
)

func TestLayouts(t *testing.T) {
	for _, test := range []struct {
		object any
		kind   reflect.Kind
		name   string
	}{
		{wasmtime.Func{}, reflect.Struct, "_Ctype_struct_wasmtime_func"},
		{wasmtime.Memory{}, reflect.Struct, "_Ctype_struct_wasmtime_memory"},
		{wasmtime.FuncType{}, reflect.Pointer, "_Ctype_struct_wasm_functype_t"},
		{wasmtime.Config{}, reflect.Pointer, "_Ctype_struct_wasm_config_t"},
	} {
		object := reflect.TypeOf(test.object)
		field := object.Field(0)
		found := field.Type
		if found.Kind() != test.kind {
			t.Errorf("%v begins with a %v", object, found.Kind())
			continue
		}
		if found.Kind() == reflect.Pointer {
			found = found.Elem()
		}
		if found.Name() != test.name || field.Offset != 0 {
			t.Errorf("%v begins with %v", object, found)
		}
	}
}
