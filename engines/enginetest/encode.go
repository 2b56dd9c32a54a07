package enginetest

import "rrbench/engines"

// Module describes a WebAssembly module, for tests that need a guest of a few instructions
// and no compiler. See https://www.w3.org/TR/wasm-core-2/#binary-modules
type Module struct {
	Imports []Import
	// Memory is the initial and, when larger, maximum size in pages; nil for no memory.
	Memory *Memory
	// Functions follow the imports in the index space.
	Functions []Function
	// Start is the index of the start function, negative for none.
	Start int
	// Data lies at address 0 of the memory.
	Data []byte
	// Padding is the size of a custom section that makes the module as large as wished.
	Padding int
}

// Import is a function that the module expects from its host.
type Import struct {
	Module, Name    string
	Params, Results []engines.ValueType
}

// Memory is a linear memory; Export is "memory" in modules that show theirs.
type Memory struct {
	Export           string
	Initial, Maximum uint32
}

// Function is a function with its body, which lacks the final end instruction.
type Function struct {
	// Export is empty for a function that is not exported.
	Export          string
	Params, Results []engines.ValueType
	Body            []byte
}

// NoStart is the Start of a module without a start function.
const NoStart = -1

const (
	customSection   = 0
	typeSection     = 1
	importSection   = 2
	functionSection = 3
	memorySection   = 5
	exportSection   = 7
	startSection    = 8
	codeSection     = 10
	dataSection     = 11
)

const (
	exportedFunction = 0
	exportedMemory   = 2
)

// Encode is the module in the binary format. Equal signatures are not merged.
func (m Module) Encode() []byte {
	var types, imports, functions, memories, exports, code [][]byte
	for i, imported := range m.Imports {
		types = append(types, signature(imported.Params, imported.Results))
		entry := append(name(imported.Module), name(imported.Name)...)
		imports = append(imports, append(append(entry, exportedFunction), Unsigned(uint64(i))...))
	}
	for i, function := range m.Functions {
		index := uint64(len(m.Imports) + i)
		types = append(types, signature(function.Params, function.Results))
		functions = append(functions, Unsigned(index))
		if function.Export != "" {
			exports = append(exports, append(append(name(function.Export), exportedFunction), Unsigned(index)...))
		}
		body := append([]byte{0}, function.Body...) // no locals
		body = append(body, End)
		code = append(code, sized(body))
	}
	if m.Memory != nil {
		memories = append(memories, m.Memory.limits())
		if m.Memory.Export != "" {
			exports = append(exports, append(name(m.Memory.Export), exportedMemory, 0))
		}
	}
	wasm := []byte("\x00asm\x01\x00\x00\x00")
	wasm = section(wasm, typeSection, vector(types))
	wasm = section(wasm, importSection, vector(imports))
	wasm = section(wasm, functionSection, vector(functions))
	wasm = section(wasm, memorySection, vector(memories))
	wasm = section(wasm, exportSection, vector(exports))
	if m.Start >= 0 {
		wasm = section(wasm, startSection, Unsigned(uint64(m.Start)))
	}
	wasm = section(wasm, codeSection, vector(code))
	if len(m.Data) > 0 {
		segment := append([]byte{0, ConstI32, 0, End}, sized(m.Data)...)
		wasm = section(wasm, dataSection, vector([][]byte{segment}))
	}
	if m.Padding > 0 {
		wasm = section(wasm, customSection, append(name("padding"), make([]byte, m.Padding)...))
	}
	return wasm
}

func (m *Memory) limits() []byte {
	if m.Maximum == 0 {
		return append([]byte{0}, Unsigned(uint64(m.Initial))...)
	}
	return append(append([]byte{1}, Unsigned(uint64(m.Initial))...), Unsigned(uint64(m.Maximum))...)
}

func signature(params, results []engines.ValueType) []byte {
	encoded := append([]byte{0x60}, Unsigned(uint64(len(params)))...)
	for _, param := range params {
		encoded = append(encoded, byte(param))
	}
	encoded = append(encoded, Unsigned(uint64(len(results)))...)
	for _, result := range results {
		encoded = append(encoded, byte(result))
	}
	return encoded
}

func section(wasm []byte, id byte, content []byte) []byte {
	return append(append(wasm, id), sized(content)...)
}

func sized(content []byte) []byte {
	return append(Unsigned(uint64(len(content))), content...)
}

func name(text string) []byte { return sized([]byte(text)) }

func vector(elements [][]byte) []byte {
	encoded := Unsigned(uint64(len(elements)))
	for _, element := range elements {
		encoded = append(encoded, element...)
	}
	return encoded
}

// Unsigned encodes LEB128.
func Unsigned(value uint64) []byte {
	var encoded []byte
	for value >= 0x80 {
		encoded = append(encoded, byte(value)|0x80)
		value >>= 7
	}
	return append(encoded, byte(value))
}

// Signed encodes signed LEB128, as constants are.
func Signed(value int64) []byte {
	var encoded []byte
	for {
		low := byte(value & 0x7f)
		value >>= 7
		if (value == 0 && low&0x40 == 0) || (value == -1 && low&0x40 != 0) {
			return append(encoded, low)
		}
		encoded = append(encoded, low|0x80)
	}
}
