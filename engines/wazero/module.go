package wazero

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"rrbench/engines"
	"rrbench/foreign"
)

type module struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	// cache is the module's own one, or nil.
	cache wazero.CompilationCache
	// imports has each function once, though a module may import it several times.
	imports []engines.FunctionType
	exports []engines.FunctionType
	// exportsMemory says that the guest shows its memory.
	exportsMemory bool

	lock      sync.Mutex
	instances int
	closed    bool
}

var _ engines.Module = (*module)(nil)

func (m *module) Imports() []engines.FunctionType { return slices.Clone(m.imports) }
func (m *module) Exports() []engines.FunctionType { return slices.Clone(m.exports) }
func (m *module) ExportsMemory() bool             { return m.exportsMemory }

// describe lists imports and exports in the contract's terms.
func (m *module) describe() error {
	seen := map[string]engines.FunctionType{}
	for _, definition := range m.compiled.ImportedFunctions() {
		from, name, _ := definition.Import()
		function, ok := functionType(name, definition)
		function.ImportModule = from
		if !ok {
			return fmt.Errorf("it imports %s with a type that is not a number", foreign.Line(function.Path(), foreign.Usual))
		}
		if earlier, ok := seen[function.Path()]; ok {
			if !earlier.SameSignature(function) {
				return fmt.Errorf("it imports %s and %s", earlier, function)
			}
			continue
		}
		seen[function.Path()] = function
		m.imports = append(m.imports, function)
	}
	_, m.exportsMemory = m.compiled.ExportedMemories()[memoryName]
	exported := m.compiled.ExportedFunctions()
	for _, name := range slices.Sorted(maps.Keys(exported)) {
		if function, ok := functionType(name, exported[name]); ok {
			m.exports = append(m.exports, function)
		}
	}
	return nil
}

// functionType converts a signature; ok is false when it has other values than numbers.
func functionType(name string, definition api.FunctionDefinition) (_ engines.FunctionType, ok bool) {
	params, ok1 := valueTypes(definition.ParamTypes())
	results, ok2 := valueTypes(definition.ResultTypes())
	return engines.FunctionType{Name: name, Params: params, Results: results}, ok1 && ok2
}

// valueTypes relies on both sides using the encoding of the binary format.
func valueTypes(types []api.ValueType) (_ []engines.ValueType, ok bool) {
	converted := make([]engines.ValueType, len(types))
	for i, valueType := range types {
		switch valueType {
		case api.ValueTypeI32, api.ValueTypeI64, api.ValueTypeF32, api.ValueTypeF64:
			converted[i] = engines.ValueType(valueType)
		default:
			return nil, false
		}
	}
	return converted, true
}

func apiTypes(types []engines.ValueType) []api.ValueType {
	converted := make([]api.ValueType, len(types))
	for i, valueType := range types {
		converted[i] = api.ValueType(valueType)
	}
	return converted
}

// makeTrampolines compiles the way out of the guest once for all instances.
func (m *module) makeTrampolines(ctx context.Context) error {
	builders := map[string]wazero.HostModuleBuilder{}
	for index, function := range m.imports {
		builder := builders[function.ImportModule]
		if builder == nil {
			builder = m.runtime.NewHostModuleBuilder(function.ImportModule)
			builders[function.ImportModule] = builder
		}
		builder.NewFunctionBuilder().
			WithGoFunction(trampoline(index), apiTypes(function.Params), apiTypes(function.Results)).
			Export(function.Name)
	}
	for _, builder := range builders {
		if _, err := builder.Instantiate(ctx); err != nil {
			return err
		}
	}
	return nil
}

// retain counts an instance; the runtime lives until module and instances are closed, in
// whatever order.
func (m *module) retain() error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.closed {
		return errors.New("the module is closed: compile it again")
	}
	m.instances++
	return nil
}

func (m *module) release() error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.instances--
	if m.closed && m.instances == 0 {
		return m.dispose()
	}
	return nil
}

func (m *module) Close() error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	if m.instances > 0 {
		return nil
	}
	return m.dispose()
}

func (m *module) dispose() error {
	ctx := context.Background()
	err := m.runtime.Close(ctx)
	if m.compiled != nil {
		err = errors.Join(err, m.compiled.Close(ctx))
	}
	if m.cache != nil {
		err = errors.Join(err, m.cache.Close(ctx))
	}
	return err
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return foreign.Line(line, foreign.Usual)
}
