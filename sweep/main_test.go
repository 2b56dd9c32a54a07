package sweep

import (
	"testing"

	"rrbench/modes"
	"rrbench/shim"
	"rrbench/shim/shimtest"
	"rrbench/transport"
)

// TestMain lets the test program be its own shims.
func TestMain(m *testing.M) {
	shimtest.Main(m, shimtest.Roles{"shim": func() error { return shim.Serve(findFaulty) }})
}

// defaults are the axes of the preset smoke, with sizes of their own.
func defaults(sizes ...Size) Axes {
	config, err := preset("smoke")
	if err != nil {
		panic(err)
	}
	config.Sizes = sizes
	return config.Axes
}

// machineOf is a machine with these transports, without engines, on which guests can do everything.
func machineOf(transports ...transport.Transport) Machine {
	good := func(string) error { return nil }
	return Machine{
		Transports: transports, EngineCheck: good, GuestCheck: good, AvailableMemory: 1 << 40,
		FunctionCheck: func(_, _ string) (modes.Abilities, error) {
			return modes.Abilities{Produces: true, Buffer: true, Heap: true, Writes: true}, nil
		},
		Launcher: func(transport.Info) shim.Launcher { return shim.Child{} },
	}
}
