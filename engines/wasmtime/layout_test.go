//go:build cgo && linux && !wasmer

package wasmtime

import (
	"reflect"
	"testing"

	"github.com/bytecodealliance/wasmtime-go/v39"
)

func TestLayouts(t *testing.T) {
	for _, test := range []struct {
		object any
		name   string
	}{
		{wasmtime.Func{}, "_Ctype_struct_wasmtime_func"},
		{wasmtime.Memory{}, "_Ctype_struct_wasmtime_memory"},
		{wasmtime.Instance{}, "_Ctype_struct_wasmtime_instance"},
	} {
		object := reflect.TypeOf(test.object)
		field := object.Field(0)
		found := field.Type
		if found.Name() != test.name || field.Offset != 0 {
			t.Errorf("%v begins with %v", object, found)
		}
	}
}
