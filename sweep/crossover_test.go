package sweep

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"rrbench/results"
	"rrbench/transport"
	"rrbench/tune/crossovers"
)

func choosing() transport.Transport {
	size := free("crossover")
	size.Crossover = &transport.Crossover{Below: "one", From: "other", Default: 3000}
	return stub{info: transport.Info{Name: "both", Runs: transport.Wasm, Codecs: []transport.Codec{transport.None}, Parameter: size}}
}

func TestPlanSettlesCrossovers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crossovers.json")
	measured := crossovers.File{
		Format: crossovers.Format, Machine: crossovers.ThisMachine(),
		Crossovers: []crossovers.Crossover{{Transport: "both", Engine: "fast", From: 5 << 10}},
	}
	if err := measured.Write(path); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		file, given string
		fast, slow  string
		origin      string
	}{
		"built in": {transport.BuiltIn, "", "3000B", "3000B", "built in"},
		"measured": {path, "", "5KiB", "3000B", "measured on 0001-01-01, " + path},
		"refused":  {path, transport.BuiltIn, "3000B", "3000B", "given"},
		"given":    {path, "7KiB", "7KiB", "7KiB", "given"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(crossovers.Variable, test.file)
			chosen, err := crossovers.Choose(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			machine := machineOf(choosing())
			machine.Engines, machine.Crossovers = []string{"fast", "slow"}, chosen
			axes := defaults(1 * mib)
			if test.given != "" {
				axes.Parameters = map[string]string{"crossover": test.given}
			}
			plan := planOn(t, machine, axes)
			// A resumed run has the plan from its manifest.
			text, err := json.Marshal(plan)
			if err != nil {
				t.Fatal(err)
			}
			resumed := new(Plan)
			if err := json.Unmarshal(text, resumed); err != nil {
				t.Fatal(err)
			}
			for _, p := range []*Plan{plan, resumed} {
				if p.Cells[0].Parameter != test.fast || p.Cells[1].Parameter != test.slow || p.Crossovers != test.origin {
					t.Errorf("%q on fast, %q on slow, %q", p.Cells[0].Parameter, p.Cells[1].Parameter, p.Crossovers)
				}
			}
		})
	}
}

func TestPlanWarnsOfAForeignFileWhereItMatters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crossovers.json")
	if err := (&crossovers.File{Format: crossovers.Format}).Write(path); err != nil {
		t.Fatal(err)
	}
	t.Setenv(crossovers.Variable, path)
	chosen, err := crossovers.Choose(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	both := choosing()
	for _, test := range []struct {
		transport, given string
		warnings         int
	}{{"both", "", 1}, {"both", "1KiB", 0}, {"single", "", 0}} {
		plan := &Plan{Cells: []PlannedCell{{Point: results.Point{Cell: results.Cell{Transport: test.transport}}}}}
		experiment := Experiment{Axes: Axes{Parameters: map[string]string{"crossover": test.given}}}
		plan.noteCrossovers([]Experiment{experiment}, Machine{Transports: []transport.Transport{both}, Crossovers: chosen})
		if len(plan.Warnings) != test.warnings {
			t.Errorf("%+v: %q", test, plan.Warnings)
		}
	}
}
