package engines

import (
	"encoding/binary"
	"fmt"
	"slices"

	"rrbench/foreign"
)

// ModuleTypes are what a module declares of its border, for engines whose own word for it is slow or none.
type ModuleTypes struct {
	// Imports has each function once; Places leads from the module's own list of imports, in which
	// one may come several times, to it.
	Imports []FunctionType
	Places  []int
	// Exports are functions of numbers, in the module's order.
	Exports []FunctionType
	// Memory is nil for a module without; ExportsMemory says that the guest shows it as "memory".
	Memory        *MemoryType
	ExportsMemory bool
}

// MemoryType is a memory's size in pages: at first, and at most as the module wants it.
type MemoryType struct{ Min, Max uint64 }

// TypesOf reads the types of a module that Admit has admitted.
func TypesOf(wasm []byte) (*ModuleTypes, error) {
	t := new(ModuleTypes)
	var signatures []FunctionType
	// functions are the signatures of the module's functions, the imported ones first.
	var functions []uint64
	r := reader{rest: wasm[preambleSize:], admission: new(admission)}
	for len(r.rest) > 0 && r.err == nil {
		id := r.byte()
		content := reader{rest: r.sized(), admission: r.admission}
		switch id {
		case typeSection:
			for range content.count("types", maxTypes) {
				content.byte()
				signatures = append(signatures, FunctionType{Params: content.valueTypes(), Results: content.valueTypes()})
			}
		case importSection:
			for range content.count("imports", maxImports) {
				module, name := string(content.sized()), string(content.sized())
				content.byte()
				index := content.unsigned()
				functions = append(functions, index)
				if err := t.imports(signatures, index, module, name); err != nil {
					return nil, err
				}
			}
		case functionSection:
			for range content.count("functions", maxFunctions) {
				functions = append(functions, content.unsigned())
			}
		case memorySection:
			for range content.count("memories", maxMemories) {
				min, max := content.limits(AddressSpace / PageSize)
				t.Memory = &MemoryType{min, max}
			}
		case exportSection:
			for range content.count("exports", maxExports) {
				name, kind, index := string(content.sized()), content.byte(), content.unsigned()
				t.ExportsMemory = t.ExportsMemory || kind == 2 && name == memoryExport
				if kind == 0 && index < uint64(len(functions)) && functions[index] < uint64(len(signatures)) {
					if function := signatures[functions[index]]; function.numbers() {
						function.Name = name
						t.Exports = append(t.Exports, function)
					}
				}
			}
		}
		if r.err == nil {
			r.err = content.err
		}
	}
	return t, r.err
}

const memoryExport = "memory"

func (t *ModuleTypes) imports(signatures []FunctionType, index uint64, module, name string) error {
	if index >= uint64(len(signatures)) {
		return fmt.Errorf("an import of the type %d, of %d", index, len(signatures))
	}
	function := signatures[index]
	function.ImportModule, function.Name = module, name
	if !function.numbers() {
		return fmt.Errorf("it imports %s with a type that is not a number", foreign.Line(function.Path(), foreign.Usual))
	}
	place := slices.IndexFunc(t.Imports, func(f FunctionType) bool { return f.ImportModule == module && f.Name == name })
	if place < 0 {
		place = len(t.Imports)
		t.Imports = append(t.Imports, function)
	} else if !t.Imports[place].SameSignature(function) {
		return fmt.Errorf("it imports %s and %s", t.Imports[place], function)
	}
	t.Places = append(t.Places, place)
	return nil
}

func (r *reader) valueTypes() []ValueType {
	types := make([]ValueType, r.count("parameters or results", maxParams))
	for i := range types {
		types[i] = ValueType(r.byte())
	}
	return types
}

// numbers says that all values are numbers.
func (f FunctionType) numbers() bool {
	return !slices.ContainsFunc(slices.Concat(f.Params, f.Results), func(v ValueType) bool { return v < F64 || v > I32 })
}

// The import by which a module gets its memory from its host (ImportMemory). Some engines have one module of a name, so no
// host function has this one.
const (
	MemoryImportModule = "rrbench-memory"
	MemoryImportName   = "memory"
)

// ImportMemory has an admitted module with a memory import that as the last of its imports, in place of
// declaring it. So an instance's memory has a maximum of its own on engines that know of none but
// the module's.
func ImportMemory(wasm []byte) ([]byte, error) {
	types, err := TypesOf(wasm)
	if err != nil || types.Memory == nil {
		return wasm, err
	}
	imported := []byte{byte(len(MemoryImportModule))}
	imported = append(imported, MemoryImportModule...)
	imported = append(append(imported, byte(len(MemoryImportName))), MemoryImportName...)
	imported = append(imported, 2, 1) // a memory, with a maximum
	imported = binary.AppendUvarint(imported, types.Memory.Min)
	imported = binary.AppendUvarint(imported, types.Memory.Max)

	changed := append(make([]byte, 0, len(wasm)+64), wasm[:preambleSize]...)
	r := reader{rest: wasm[preambleSize:], admission: new(admission)}
	section := func(content []byte) {
		changed = append(changed, importSection)
		changed = append(binary.AppendUvarint(changed, uint64(len(content))), content...)
	}
	done := false
	for len(r.rest) > 0 && r.err == nil {
		whole := r.rest
		id := r.byte()
		content := reader{rest: r.sized(), admission: r.admission}
		switch {
		case id == importSection:
			count := content.count("imports", maxImports)
			section(slices.Concat(binary.AppendUvarint(nil, uint64(count+1)), content.rest, imported))
			done = true
			continue
		case !done && id > importSection:
			section(append([]byte{1}, imported...))
			done = true
		}
		if id != memorySection {
			changed = append(changed, whole[:len(whole)-len(r.rest)]...)
		}
	}
	return changed, r.err
}
