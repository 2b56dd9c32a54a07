//go:build cgo && !wasmer

package wasmtime

import (
	"fmt"
	"slices"

	"github.com/bytecodealliance/wasmtime-go/v39"

	"rrbench/engines"
	"rrbench/engines/internal/crossing"
	"rrbench/foreign"
)

type module struct {
	runtime  *wasmtime.Engine
	compiled *wasmtime.Module
	// imports has each function once; places leads from the module's own list of imports,
	// in which one may come several times, to it.
	imports []engines.FunctionType
	places  []int
	exports []engines.FunctionType
	// exportsMemory says that the guest shows its memory.
	exportsMemory bool
	// declared is the size in bytes of the initial memory that the module exports, if any.
	declared uint64

	gate crossing.Gate
}

var _ engines.Module = (*module)(nil)

func (m *module) Imports() []engines.FunctionType { return slices.Clone(m.imports) }
func (m *module) Exports() []engines.FunctionType { return slices.Clone(m.exports) }
func (m *module) ExportsMemory() bool             { return m.exportsMemory }

// describe lists imports and exports in the contract's terms.
func (m *module) describe() error {
	seen := map[string]int{}
	for _, imported := range m.compiled.Imports() {
		path := imported.Module()
		if name := imported.Name(); name != nil {
			path += "." + *name
		}
		function, ok := functionType(*imported.Name(), imported.Type().FuncType())
		function.ImportModule = imported.Module()
		if !ok {
			return fmt.Errorf("it imports %s with a type that is not a number", foreign.Line(path, foreign.Usual))
		}
		place, ok := seen[path]
		if !ok {
			place = len(m.imports)
			seen[path] = place
			m.imports = append(m.imports, function)
		} else if earlier := m.imports[place]; !earlier.SameSignature(function) {
			return fmt.Errorf("it imports %s and %s", earlier, function)
		}
		m.places = append(m.places, place)
	}
	for _, export := range m.compiled.Exports() {
		if kind := export.Type().FuncType(); kind != nil {
			if function, ok := functionType(export.Name(), kind); ok {
				m.exports = append(m.exports, function)
			}
		}
		if kind := export.Type().MemoryType(); kind != nil {
			m.declared = max(m.declared, kind.Minimum()*engines.PageSize)
			m.exportsMemory = m.exportsMemory || export.Name() == memoryName
		}
	}
	return nil
}

// functionType converts a signature; ok is false when it has other values than numbers.
func functionType(name string, kind *wasmtime.FuncType) (_ engines.FunctionType, ok bool) {
	params, ok1 := valueTypes(kind.Params())
	results, ok2 := valueTypes(kind.Results())
	return engines.FunctionType{Name: name, Params: params, Results: results}, ok1 && ok2
}

func valueTypes(types []*wasmtime.ValType) (_ []engines.ValueType, ok bool) {
	converted := make([]engines.ValueType, len(types))
	for i, valueType := range types {
		switch valueType.Kind() {
		case wasmtime.KindI32:
			converted[i] = engines.I32
		case wasmtime.KindI64:
			converted[i] = engines.I64
		case wasmtime.KindF32:
			converted[i] = engines.F32
		case wasmtime.KindF64:
			converted[i] = engines.F64
		default:
			return nil, false
		}
	}
	return converted, true
}

func nativeTypes(types []engines.ValueType) []*wasmtime.ValType {
	kinds := map[engines.ValueType]wasmtime.ValKind{
		engines.I32: wasmtime.KindI32,
		engines.I64: wasmtime.KindI64,
		engines.F32: wasmtime.KindF32,
		engines.F64: wasmtime.KindF64,
	}
	converted := make([]*wasmtime.ValType, len(types))
	for i, valueType := range types {
		converted[i] = wasmtime.NewValType(kinds[valueType])
	}
	return converted
}

func (m *module) Close() error { return m.gate.Close(m.compiled.Close) }
