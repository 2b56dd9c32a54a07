package engines

import (
	"encoding/binary"
	"fmt"
	"slices"

	"rrbench/foreign"
)

// ModuleTypes are what a module declares of its border.
type ModuleTypes struct {
	// Imported has each function once; Places leads from the module's own list of imports, in which
	// one may come several times, to it.
	Imported []FunctionType `json:"Imports"`
	Places   []int
	// Exported are functions of numbers, in the module's order.
	Exported []FunctionType `json:"Exports"`
	// Memory is nil for a module without; ShowsMemory is set if the guest exports it as "memory".
	Memory      *MemoryType
	ShowsMemory bool `json:"ExportsMemory"`
}

// MemoryType is a memory's size in pages: at first, and at most as the module wants it.
type MemoryType struct{ Min, Max uint64 }

func (t *ModuleTypes) Imports() []FunctionType { return slices.Clone(t.Imported) }
func (t *ModuleTypes) Exports() []FunctionType { return slices.Clone(t.Exported) }
func (t *ModuleTypes) ExportsMemory() bool     { return t.ShowsMemory }

// Export finds an exported function.
func (t *ModuleTypes) Export(name string) (_ FunctionType, ok bool) {
	place := slices.IndexFunc(t.Exported, func(f FunctionType) bool { return f.Name == name })
	if place < 0 {
		return FunctionType{}, false
	}
	return t.Exported[place], true
}

func (a *admission) export(name string, kind byte, index uint64) {
	switch {
	case kind == 2:
		a.types.ShowsMemory = a.types.ShowsMemory || name == memoryName
	case kind == 0 && index < uint64(len(a.functions)) && a.functions[index] < uint64(len(a.signatures)):
		if function := a.signatures[a.functions[index]]; function.numbers() {
			function.Name = name
			a.types.Exported = append(a.types.Exported, function)
		}
	}
}

func (a *admission) importFunction(index uint64, module, name string) error {
	if index >= uint64(len(a.signatures)) {
		return fmt.Errorf("an import of the type %d, of %d", index, len(a.signatures))
	}
	t, function := &a.types, a.signatures[index]
	function.ImportModule, function.Name = module, name
	if !function.numbers() {
		return fmt.Errorf("it imports %s with a type that is not a number", foreign.Line(function.Path(), foreign.Usual))
	}
	place := slices.IndexFunc(t.Imported, func(f FunctionType) bool { return f.ImportModule == module && f.Name == name })
	if place < 0 {
		place = len(t.Imported)
		t.Imported = append(t.Imported, function)
	} else if !t.Imported[place].SameSignature(function) {
		return fmt.Errorf("it imports %s and %s", t.Imported[place], function)
	}
	t.Places = append(t.Places, place)
	return nil
}

func (r *reader) valueTypes() []ValueType {
	types := make([]ValueType, r.count("parameters or results", maxParams))
	for i := range types {
		types[i] = ValueType(r.valueType())
	}
	return types
}

// numbers reports whether all values are numbers.
func (f FunctionType) numbers() bool {
	other := func(v ValueType) bool { return v < F64 || v > I32 }
	return !slices.ContainsFunc(f.Params, other) && !slices.ContainsFunc(f.Results, other)
}

// MemoryImportModule is the module name of the memory that ImportMemory adds. Some engines allow one module for a
// name, so no host function has this one.
const MemoryImportModule = "rrbench-memory"

const memoryName = "memory"

// ImportMemory changes an admitted module that declares this memory so that it imports it, as the last of its
// imports. The host can then set a maximum for each instance, which some engines allow for imported memories only.
func ImportMemory(wasm []byte, memory *MemoryType) []byte {
	if memory == nil {
		return wasm
	}
	imported := appendSized(appendSized(nil, []byte(MemoryImportModule)), []byte(memoryName))
	imported = append(imported, 2, 1) // a memory, with a maximum
	imported = binary.AppendUvarint(binary.AppendUvarint(imported, memory.Min), memory.Max)

	changed, done := append(make([]byte, 0, len(wasm)+64), wasm[:preambleSize]...), false
	_ = new(admission).sections(wasm, func(id byte, content *reader, whole []byte) {
		if !done && id >= importSection {
			count, others := 0, []byte(nil)
			if id == importSection {
				count, whole = content.count("imports", maxImports), nil
				others = content.rest
			}
			list := slices.Concat(binary.AppendUvarint(nil, uint64(count+1)), others, imported)
			changed, done = appendSized(append(changed, importSection), list), true
		}
		if id != memorySection {
			changed = append(changed, whole...)
		}
	})
	return changed
}
