package sweep

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseConfigNamesLineAndKey(t *testing.T) {
	for name, test := range map[string]struct{ text, line, key string }{
		"unknown key":      {"reps: 3\ntransprots: [user/copy]\n", "line 2", "transprots"},
		"wrong type":       {"reps: many\n", "line 1", "reps"},
		"bad size":         {"preset: smoke\nsizes: [1MiB, -3MiB]\n", "line 2", "-3MiB"},
		"bad duration":     {"deadline: soon\n", "line 1", "soon"},
		"not a mapping":    {"- 1\n- 2\n", "", "demo.yaml"},
		"broken YAML":      {"sizes: [1MiB\nreps: 2\n", "", "demo.yaml"},
		"in an experiment": {"experiments:\n  - name: a\n    fanuot: [2]\n", "line 3", "fanuot"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseConfig("demo.yaml", []byte(test.text), Parameters(nil))
			if !errors.As(err, new(*UsageError)) {
				t.Fatalf("got %v, want a usage error", err)
			}
			message := err.Error()
			if strings.Contains(message, "\n") || !strings.Contains(message, test.line) || !strings.Contains(message, test.key) {
				t.Errorf("%q should be one line with %q and %q", message, test.line, test.key)
			}
		})
	}
}

// configFile writes a configuration file and returns its path.
func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func FuzzParseConfig(f *testing.F) {
	f.Add("preset: smoke\nsizes: [1MiB, 64KiB]\nwarmup: 0\n")
	f.Add("experiments:\n  - {name: a, fanout: [1, 2]}\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := ParseConfig("fuzz.yaml", []byte(text), Parameters(nil)); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("error of several lines: %q", err)
		}
	})
}

// Presets are data: the names in them must be in the catalogue.
func TestPresetsAreValid(t *testing.T) {
	machine, err := ThisMachine(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	machine.AvailableMemory = 1 << 40
	for _, name := range Presets() {
		config, err := Resolve(Config{Preset: name, Seed: new(uint64)}, Config{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewPlan(config, machine); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestResolvePrefersFlagsThenFileThenPreset(t *testing.T) {
	file, err := ParseConfig("demo.yaml", []byte(`
reps: 5
engines: [wazero]
deadline: 7s
experiments:
  - name: big
    sizes: [100MiB]
  - name: wide
    sizes: [1MiB]
    fanout: [4]
    engines: [wasmtime]
`), Parameters(nil))
	if err != nil {
		t.Fatal(err)
	}
	flags := Config{Axes: Axes{Transports: []string{"user/copy"}, Reps: 9}}
	got, err := Resolve(flags, file)
	if err != nil {
		t.Fatal(err)
	}
	if got.Reps != 9 || got.Deadline != file.Deadline || *got.Warmup != 1 {
		t.Errorf("reps %d, deadline %v, warmup %d", got.Reps, got.Deadline, *got.Warmup)
	}
	type summary struct {
		Name       string
		Transports []string
		Engines    []string
		Sizes      []Size
		Fanout     []int
	}
	var experiments []summary
	for _, e := range got.Experiments {
		experiments = append(experiments, summary{e.Name, e.Transports, e.Engines, e.Sizes, e.Fanout})
	}
	want := []summary{
		{"big", []string{"user/copy"}, []string{"wazero"}, []Size{100 * mib}, []int{1}},
		{"wide", []string{"user/copy"}, []string{"wasmtime"}, []Size{mib}, []int{4}},
	}
	if diff := cmp.Diff(want, experiments); diff != "" {
		t.Error(diff)
	}
}

func TestResolveWithoutPresetIsOneExperiment(t *testing.T) {
	got, err := Resolve(Config{Axes: Axes{Sizes: []Size{mib}}}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Experiments) != 1 || got.Experiments[0].Name != "sweep" || got.Experiments[0].Fanout[0] != 1 {
		t.Errorf("got %+v", got.Experiments)
	}
	if named, _ := Resolve(Config{Preset: "quick"}, Config{}); len(named.Experiments) < 2 {
		t.Errorf("preset quick has %d experiments", len(named.Experiments))
	}
}
