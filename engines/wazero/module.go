package wazero

import (
	"context"
	"errors"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"rrbench/engines"
	"rrbench/engines/internal/crossing"
	"rrbench/foreign"
)

type module struct {
	*engines.ModuleTypes
	// The runtime lives as long.
	crossing.Lifetime
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	// cache is the module's own one, or nil.
	cache wazero.CompilationCache
}

// apiTypes relies on both sides using the encoding of the binary format.
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
	for index, function := range m.Imported {
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
