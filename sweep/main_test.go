package sweep

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"rrbench/modes"
	"rrbench/shim"
)

// TestMain lets the test program be its own shims.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "shim" {
		if err := shim.Serve(findFaulty); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("rrbench/child.last"))
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
