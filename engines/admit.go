package engines

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"rrbench/foreign"
)

// What a module may declare. An engine keeps a record of each function, global, type and so
// on, a hundred times as long as the bytes that declare it, and a table's elements and a
// function's locals are declared by a number alone. Browsers bound the same things, some of
// them higher; see https://www.w3.org/TR/wasm-js-api-2/#limits.
const (
	// MaxModule is a module's size in bytes.
	MaxModule = 32 << 20
	// MaxTableElements bounds the elements of all tables together, now and after any
	// growth: 8 MiB. It also bounds the elements of all segments.
	MaxTableElements = 1 << 20

	maxTypes      = 10_000
	maxParams     = 1_000
	maxImports    = 1_000
	maxFunctions  = 50_000
	maxTables     = 100
	maxMemories   = 1
	maxGlobals    = 100_000
	maxExports    = 10_000
	maxSegments   = 100_000
	maxBody       = 512 << 10
	maxLocals     = 50_000
	maxAllLocals  = 1 << 22
	maxConstBytes = 10 // of an integer of 64 bits
)

// Sections of a module. See https://www.w3.org/TR/wasm-core-2/#sections
const (
	customSection = iota
	typeSection
	importSection
	functionSection
	tableSection
	memorySection
	globalSection
	exportSection
	startSection
	elementSection
	codeSection
	dataSection
	dataCountSection
	tagSection
)

// Admit checks a module before an engine compiles it. It returns the bytes to compile and the
// module's types, or an error that names what is wrong or which bound the module exceeds. The
// memory that an admitted module makes its host hold is bounded: InstanceConfig bounds the linear
// memory, MaxTableElements the tables (each gets a maximum here, since not all engines can set a
// limit), and the constants above what is declared. Admit refuses numbers that announce more than
// the module contains, because an engine may reserve memory for what they announce, and segments
// that begin outside of their table or memory, which some engines accept.
//
// Admit removes names: nothing needs them, and an engine would keep each.
//
// The error is a *Lacking for a feature that is enabled in no engine.
func Admit(engine string, wasm []byte) ([]byte, *ModuleTypes, error) {
	if err := CheckPreamble(wasm); err != nil {
		return nil, nil, err
	}
	if len(wasm) > MaxModule {
		return nil, nil, fmt.Errorf("a WebAssembly module of %d bytes: build it smaller than %d", len(wasm), MaxModule)
	}
	a := admission{admitted: append(make([]byte, 0, len(wasm)+maxTables*4), wasm[:preambleSize]...)}
	switch err := a.sections(wasm, a.section); {
	case errors.Is(err, errFeature):
		return nil, nil, &Lacking{Engine: engine, Feature: a.needs[len(a.needs)-1]}
	case err != nil:
		return nil, nil, fmt.Errorf("a WebAssembly module that cannot be taken: %w", err)
	case a.fault != nil:
		return nil, nil, fmt.Errorf("engine %s refuses the module: %w", engine, a.fault)
	}
	return a.admitted, &a.types, nil
}

// sections calls look for each section of a module; whole includes the section's header.
func (a *admission) sections(wasm []byte, look func(id byte, content *reader, whole []byte)) error {
	r := reader{rest: wasm[preambleSize:], admission: a}
	for len(r.rest) > 0 {
		whole := r.rest
		id := r.byte()
		content := reader{rest: r.sized(), admission: a}
		if r.err == nil {
			look(id, &content, whole[:len(whole)-len(r.rest)])
			r.err = content.err
		}
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// admission is what a module has declared so far.
type admission struct {
	admitted []byte
	// elements are those of segments.
	elements, locals uint64
	// tables and memory are the sizes at first, in elements and bytes.
	tables []uint64
	memory uint64
	// needs are the features that were found. Instructions are searched for more of them only if
	// instructions is set.
	needs        []Feature
	instructions bool

	// signatures are the module's types, functions those of its functions, the imported ones first.
	signatures []FunctionType
	functions  []uint64
	types      ModuleTypes
	// fault is set if an otherwise valid module imports what no host can offer.
	fault error
}

func (a *admission) section(id byte, r *reader, whole []byte) {
	switch id {
	case customSection:
		if string(r.sized()) == "name" {
			return
		}
	case typeSection:
		for range r.count("types", maxTypes) {
			switch form := r.byte(); form {
			case 0x60:
			case 0x4e, 0x4f, 0x50, 0x5e, 0x5f:
				r.end(GarbageCollection)
			default:
				r.fail("a type of the form %#x, which is not a function's", form)
			}
			a.signatures = append(a.signatures, FunctionType{Params: r.valueTypes(), Results: r.valueTypes()})
		}
	case importSection:
		a.imports(r)
	case functionSection:
		for range r.count("functions", maxFunctions) {
			a.functions = append(a.functions, r.unsigned())
		}
	case tableSection:
		a.tableSection(r)
		return
	case memorySection:
		for i := range r.count("memories", maxExports) {
			least, most := r.limits(AddressSpace / PageSize)
			a.types.Memory = &MemoryType{least, most}
			if a.memory = least * PageSize; i >= maxMemories {
				r.end(SeveralMemories)
			}
		}
	case globalSection:
		for range r.count("globals", maxGlobals) {
			r.valueType()
			r.byte()
			r.constant()
		}
	case exportSection:
		for range r.count("exports", maxExports) {
			a.export(string(r.sized()), r.byte(), r.unsigned())
		}
	case startSection, dataCountSection:
	case elementSection:
		for range r.count("element segments", maxSegments) {
			a.segment(r)
		}
	case codeSection:
		for range r.count("functions", maxFunctions) {
			a.body(r)
		}
	case dataSection:
		for i := range r.count("data segments", maxSegments) {
			mode, place, known := r.unsigned(), uint64(0), false
			if mode == 2 {
				r.unsigned()
			}
			if mode != 1 {
				place, known = r.constant()
			}
			if content := r.sized(); known && place+uint64(len(content)) > a.memory {
				r.fail("data segment %d, %d bytes at %d, is outside of the memory of %d bytes", i, len(content), place, a.memory)
			}
		}
	case tagSection:
		r.end(Exceptions)
	default:
		r.fail("a section %d, which is of a later WebAssembly than 2.0", id)
	}
	a.admitted = append(a.admitted, whole...)
}

func (a *admission) imports(r *reader) {
	for range r.count("imports", maxImports) {
		module, name := r.sized(), r.sized()
		if kind := r.byte(); kind == 4 {
			r.end(Exceptions)
		} else if kind != 0 {
			r.fail("it imports %s, which is no function: build it with memory, tables and globals of its own",
				foreign.Line(string(module)+"."+string(name), foreign.Usual))
		}
		index := r.unsigned()
		a.functions = append(a.functions, index)
		if r.err == nil && a.fault == nil {
			a.fault = a.importFunction(index, string(module), string(name))
		}
	}
}

// tableSection gives each table a maximum: its own, or its part of what may be added to all of
// them.
func (a *admission) tableSection(r *reader) {
	type table struct {
		element  byte
		min, max uint64
	}
	declared := make([]table, r.count("tables", maxTables))
	total := uint64(0)
	for i := range declared {
		t := &declared[i]
		if t.element = r.valueType(); t.element == withInitial {
			r.end(FunctionReferences)
		} else if t.element != funcref && t.element != externref {
			r.fail("a table of the type %#x", t.element)
		}
		t.min, t.max = r.limits(MaxTableElements)
		a.tables = append(a.tables, t.min)
		if total += t.min; total > MaxTableElements {
			r.fail("tables of %d elements, the limit is %d", total, MaxTableElements)
		}
	}
	if r.err != nil || len(declared) == 0 {
		return
	}
	share := (MaxTableElements - total) / uint64(len(declared))
	content := binary.AppendUvarint(nil, uint64(len(declared)))
	for _, t := range declared {
		content = append(content, t.element, 1)
		content = binary.AppendUvarint(content, t.min)
		content = binary.AppendUvarint(content, min(t.max, t.min+share))
	}
	a.admitted = appendSized(append(a.admitted, tableSection), content)
}

// appendSized appends bytes behind their length, as reader.sized reads them.
func appendSized(to []byte, content []byte) []byte {
	return append(binary.AppendUvarint(to, uint64(len(content))), content...)
}

// segment looks at an element segment: a bit says that it is not active, one that it names
// its table or kind, one that its elements are expressions.
func (a *admission) segment(r *reader) {
	mode, table, place, known := r.unsigned(), uint64(0), uint64(0), false
	if mode&1 == 0 {
		if mode&2 != 0 {
			table = r.unsigned()
		}
		place, known = r.constant()
	}
	switch {
	case mode&3 == 0:
	case mode&4 != 0:
		r.valueType()
	default:
		r.byte()
	}
	count := r.count("elements", MaxTableElements)
	if known && r.err == nil && (table >= uint64(len(a.tables)) || place+uint64(count) > a.tables[table]) {
		r.fail("an element segment, %d elements at %d, is outside of its table", count, place)
	}
	if a.elements += uint64(count); a.elements > MaxTableElements {
		r.fail("segments of %d elements, the limit is %d", a.elements, MaxTableElements)
	}
	for range count {
		if mode&4 != 0 {
			r.constant()
		} else {
			r.unsigned()
		}
	}
}

// body looks at what a function declares.
func (a *admission) body(r *reader) {
	body := reader{rest: r.sized(), admission: a}
	if len(body.rest) > maxBody {
		r.fail("a function of %d bytes, the limit is %d", len(body.rest), maxBody)
	}
	locals := uint64(0)
	for range body.count("groups of locals", maxLocals) {
		locals += body.unsigned()
		body.valueType()
	}
	a.locals += locals
	if locals > maxLocals || a.locals > maxAllLocals {
		r.fail("a function of %d locals, %d in all functions: the limits are %d and %d", locals, a.locals, maxLocals, maxAllLocals)
	}
	if a.instructions {
		body.code()
	}
	if body.err != nil {
		r.fail("%w", body.err)
	}
}

// reader takes a module apart. After the first error it reads zeros.
// See https://www.w3.org/TR/wasm-core-2/#binary-format
type reader struct {
	rest []byte
	err  error
	*admission
}

func (r *reader) fail(format string, values ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, values...)
	}
	r.rest = nil
}

// take is the next n bytes.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail("it is cut off, or announces more than it contains")
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.take(1)
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// unsigned reads a number of 32 bits in LEB128.
func (r *reader) unsigned() uint64 {
	value := uint64(0)
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		value |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return value
		}
	}
	r.fail("a number of more than 32 bits")
	return 0
}

// sized is a string of bytes behind its length.
func (r *reader) sized() []byte { return r.take(r.unsigned()) }

// count is the length of a vector, of whose elements each takes a byte at least.
func (r *reader) count(what string, most int) int {
	n := r.unsigned()
	switch {
	case n > uint64(most):
		r.fail("%d %s, the limit is %d", n, what, most)
	case n > uint64(len(r.rest)):
		r.take(n)
	default:
		return int(n)
	}
	return 0
}

// limits are those of a table or a memory; most is the maximum where none is declared.
func (r *reader) limits(most uint64) (min, max uint64) {
	switch kind := r.byte(); {
	case kind > 0xf:
		r.fail("limits of the kind %#x, which is of a later WebAssembly than 2.0", kind)
	case kind&2 != 0:
		r.end(Threads)
	case kind&4 != 0:
		r.end(Memory64)
	case kind&8 != 0:
		r.end(PageSizes)
	case kind == 0:
		return r.unsigned(), most
	}
	return r.unsigned(), r.unsigned()
}

const (
	vector    = 0x7b
	funcref   = 0x70
	externref = 0x6f
	// withInitial begins a table with an initial value.
	withInitial = 0x40
)

func (r *reader) valueType() byte {
	t := r.byte()
	switch t {
	case byte(I32), byte(I64), byte(F32), byte(F64), vector, funcref, externref, withInitial:
	case 0x63, 0x64:
		r.end(FunctionReferences)
	case 0x69, 0x74:
		r.end(Exceptions)
	case 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x71, 0x72, 0x73:
		r.end(GarbageCollection)
	default:
		r.fail("a value of the type %#x, which is of a later WebAssembly than 2.0", t)
	}
	return t
}

// constant reads a constant expression. Its value is known if it is a single number of 32 bits.
// See https://www.w3.org/TR/wasm-core-2/#constant-expressions
func (r *reader) constant() (value uint64, known bool) {
	for length := 0; r.err == nil; length++ {
		switch instruction := r.byte(); instruction {
		case 0x0b: // end
			return value, known && length == 1
		case 0x41, 0x42: // i32.const, i64.const
			value, known = uint64(uint32(r.signed())), instruction == 0x41
		case 0x43: // f32.const
			r.take(4)
		case 0x44: // f64.const
			r.take(8)
		case 0xfd: // v128.const
			r.unsigned()
			r.take(16)
		case 0x23, 0xd2: // global.get, ref.func
			r.unsigned()
		case 0xd0: // ref.null
			r.byte()
		case 0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e: // add, sub, mul
			r.need(ExtendedConstants)
		case 0xfb:
			r.end(GarbageCollection)
		default:
			r.fail("a constant with the instruction %#x", instruction)
		}
	}
	return 0, false
}

// preambleSize is the length of what every module begins with.
const preambleSize = 8

// CheckPreamble returns nil if the bytes begin like a core WebAssembly module, else an error
// that names what they are instead. The runtimes differ in what they accept (text, components)
// and in their errors; with this check they behave alike.
// See https://www.w3.org/TR/wasm-core-2/#binary-module
func CheckPreamble(wasm []byte) error {
	const length = preambleSize
	switch {
	case len(wasm) == 0:
		return errors.New("not a WebAssembly module: it is empty")
	case !bytes.HasPrefix(wasm, []byte("\x00asm")[:min(4, len(wasm))]):
		if bytes.HasPrefix(bytes.TrimSpace(wasm), []byte("(module")) {
			return errors.New("not a WebAssembly module but its text form: translate it with wat2wasm")
		}
		return fmt.Errorf("not a WebAssembly module: it begins with %q", wasm[:min(length, len(wasm))])
	case len(wasm) < length:
		return fmt.Errorf("not a WebAssembly module: it ends after %d bytes", len(wasm))
	case bytes.Equal(wasm[4:length], []byte{0x0d, 0, 1, 0}):
		return errors.New("a WebAssembly component, where a core module is needed: build for wasm32-wasip1")
	case !bytes.Equal(wasm[4:length], []byte{1, 0, 0, 0}):
		return fmt.Errorf("a WebAssembly module of an unknown version (% x)", wasm[4:length])
	}
	return nil
}
