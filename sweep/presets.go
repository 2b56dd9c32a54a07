package sweep

import (
	"maps"
	"slices"
	"strings"
	"time"

	"rrbench/payloads"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// paperSizes are the payload sizes of the Roadrunner paper's sequential experiments.
var paperSizes = mebibytes(1, 2, 4, 6, 8, 10, 20, 40, 60, 100, 200, 300, 400, 500)

// presets by name. The axes at the top of a preset are what its experiments share and what
// a sweep without experiments falls back to.
var presets = map[string]func() Config{
	"smoke": func() Config {
		return Config{
			Axes: defaults(Size(64*kib), Size(1*mib)),
			Experiments: []Experiment{
				{Name: "sequential", Axes: Axes{Sizes: []Size{64 * kib}}},
				// One of each family, so that figures have lines.
				{Name: "sequential", Axes: Axes{
					Transports: []string{"user/copy", "kernel/stream", "network/splice", "http/native", "redis", "limit/memcpy"},
					Sizes:      mebibytes(1), Codecs: []string{"raw"}, Engines: []string{"wazero"},
				}},
			},
			Reps: 3, Warmup: number(1), Deadline: Duration(10 * time.Second),
		}
	},
	"quick": func() Config {
		return Config{
			Axes: defaults(Size(64*kib), Size(1*mib), Size(10*mib), Size(100*mib)),
			Experiments: []Experiment{
				{Name: "sequential", Axes: Axes{Sizes: []Size{64 * kib, 1 * mib, 10 * mib}}},
				// JSON of 100 MiB in WebAssembly takes seconds each time.
				{Name: "sequential", Axes: Axes{Sizes: mebibytes(100), Codecs: []string{"raw"}}},
				{Name: "sequential", Axes: Axes{Sizes: mebibytes(100), Codecs: []string{"json"}, Transports: []string{"http/native"}}},
				{Name: "parallel", Axes: Axes{Sizes: mebibytes(1), Fanout: []int{4}, Engines: []string{"wazero"}, Codecs: []string{"raw"}}},
			},
			Reps: 6, Warmup: number(1), Deadline: Duration(30 * time.Second),
		}
	},
	"paper": func() Config {
		return Config{
			Axes: defaults(paperSizes...),
			Experiments: []Experiment{
				{Name: "sequential"},
				{Name: "parallel", Axes: Axes{Sizes: mebibytes(10), Fanout: []int{1, 10, 20, 40, 60, 80, 100}}},
			},
			Reps: 10, Warmup: number(1), Deadline: Duration(2 * time.Minute),
		}
	},
}

// Presets lists the names of the presets.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }

func preset(name string) (Config, error) {
	make, ok := presets[name]
	if !ok {
		return Config{}, usage("unknown preset %q: choose one of %s (--preset)", name, strings.Join(Presets(), ", "))
	}
	return make(), nil
}

// defaults leaves open what a plan chooses for each transport: engines and codecs.
func defaults(sizes ...Size) Axes {
	return Axes{
		Sizes:       sizes,
		Fanout:      []int{1},
		Concurrency: []int{1},
		Placement:   []string{"intra"},
		Payload:     payloads.Text,
		Guest:       "c",
	}
}

func mebibytes(counts ...int) []Size {
	sizes := make([]Size, len(counts))
	for i, n := range counts {
		sizes[i] = Size(n) * mib
	}
	return sizes
}

func number(n int) *int { return &n }
