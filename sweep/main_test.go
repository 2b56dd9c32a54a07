package sweep

import (
	"testing"

	"rrbench/modes"
	"rrbench/shim"
	"rrbench/shim/shimtest"
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

// ableFunctions are guests that can do everything.
func ableFunctions(_, _ string) (modes.Abilities, error) {
	return modes.Abilities{Produces: true, Buffer: true, Heap: true, Writes: true}, nil
}
