package sweep

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rrbench/measure"
	"rrbench/results"
	"rrbench/runtimes"
	"rrbench/shim"
)

// fakeRuntime pretends to run programs.
type fakeRuntime struct {
	name, launcher string
	check          error
	// fails is the program that fails.
	fails string
	runs  *[]string
}

func (f fakeRuntime) Name() string                                  { return f.name }
func (f fakeRuntime) Launcher() string                              { return f.launcher }
func (f fakeRuntime) MostIdle() int                                 { return 10 }
func (f fakeRuntime) Check(context.Context, runtimes.Program) error { return f.check }
func (f fakeRuntime) Version(context.Context) string                { return f.name + " 1" }
func (f fakeRuntime) Programs() []string                            { return nil }
func (f fakeRuntime) Phases(kind runtimes.Kind) []string {
	if kind == runtimes.ColdStart {
		return []string{runtimes.Pull, runtimes.Run, runtimes.Total}
	}
	return []string{runtimes.Run, runtimes.Total}
}

func (f fakeRuntime) Run(_ context.Context, r runtimes.Request) (runtimes.Outcome, error) {
	*f.runs = append(*f.runs, f.name+" "+r.Line())
	if r.Name == f.fails {
		return runtimes.Outcome{}, errors.New("it was killed by SIGKILL, out of memory?")
	}
	phases := f.Phases(r.Kind)
	if r.Idle > 0 {
		phases = []string{runtimes.Idle}
	}
	var o runtimes.Outcome
	for i, name := range phases {
		o.Phases = append(o.Phases, shim.Phase{Name: name, T0: 1e9, Ns: int64(1e6 * (i + 1)), Usage: measure.Usage{UserNs: 5}})
	}
	o.Memory = measure.Memory{RSSPeak: 1 << 20, PSSPeak: 1 << 19}
	return o, nil
}

func programMachine(runs *[]string) *Machine {
	machine := machineOf(faulty{})
	machine.Programs = func(_ context.Context, kind runtimes.Kind, full bool) ([]runtimes.Program, error) {
		if kind == runtimes.ColdStart {
			return []runtimes.Program{{Name: "hello"}}, nil
		}
		argument := "10"
		if full {
			argument = "1000"
		}
		return []runtimes.Program{{Name: "nop"}, {Name: "loop", Arguments: []string{argument}, Output: runtimes.Output{Length: 3}}}, nil
	}
	machine.Runtimes = func(added []runtimes.Command, _ []string) []runtimes.Runtime {
		all := []runtimes.Runtime{
			fakeRuntime{"engine", "process", nil, "", runs}, fakeRuntime{"native", "process", nil, "", runs}, fakeRuntime{"native", "runc", nil, "loop", runs},
			fakeRuntime{"missing", "process", &runtimes.Unavailable{Runtime: "missing", Reason: "it is not on PATH", Remedy: "install it"}, "", runs},
		}
		for _, c := range added {
			all = append(all, c)
		}
		return all
	}
	return &machine
}

// Each run of a program on a runtime has a row for each phase. Runs that fail or lack something have rows with the reason.
func TestPrograms(t *testing.T) {
	var runs []string
	out := filepath.Join(t.TempDir(), "run")
	request := Request{Flags: Config{Seed: new(uint64(1)), Axes: Axes{Kind: "compute", Reps: 4}, Out: out}, Progress: &quiet{}, Machine: programMachine(&runs)}
	outcome, err := Execute(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if len(outcome.Missing) > 0 || outcome.Cells.Failed != 2 {
		t.Errorf("missing %v, %d failed", outcome.Missing, outcome.Cells.Failed)
	}
	found := make(map[string]results.Summary)
	for _, s := range outcome.Summaries {
		found[strings.Join([]string{s.Transport, s.Engine, s.Launcher, s.Phase}, " ")] = s
	}
	for key, want := range map[string]struct {
		status results.Status
		n      int
		reason string
	}{
		"compute/nop engine process run":    {results.OK, 4, ""},
		"compute/loop engine process total": {results.OK, 4, ""},
		"compute/nop native runc total":     {results.OK, 4, ""},
		"compute/loop native runc run":      {results.Failed, 0, "it was killed by SIGKILL, out of memory?"},
		"compute/nop missing process ":      {results.Skipped, 0, "missing cannot run here: it is not on PATH (install it)"},
		"compute/loop native process total": {results.OK, 4, ""},
	} {
		s, ok := found[key]
		if !ok || s.Status != want.status || s.N != want.n || !strings.HasPrefix(s.Reason, want.reason) {
			t.Errorf("%s: %v, %s, n %d, %s", key, ok, s.Status, s.N, s.Reason)
		}
		if want.status == results.OK && (s.Starts != 4 || s.LatencyMedian < 0.9e6 || s.RSSPeak != 1<<20) {
			t.Errorf("%s: %+v", key, s)
		}
	}
	if s := found["compute/loop engine process total"]; s.SizeBytes != 3 || s.Experiment != "compute" {
		t.Errorf("%+v", s)
	}
	directory, err := results.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := directory.Journaled()
	if err != nil || len(rows.Damage) > 0 {
		t.Fatal(err, rows.Damage)
	}
	numbers := make(map[int][]string)
	for _, trial := range rows.Trials {
		if trial.Status == results.OK {
			numbers[trial.Trial] = append(numbers[trial.Trial], trial.Phase)
		}
		if trial.First {
			t.Errorf("a first row: %+v", trial)
		}
	}
	for number, phases := range numbers {
		if !slices.Equal(phases, []string{"run", "total"}) {
			t.Errorf("run %d has the phases %v", number, phases)
		}
	}
	manifest, err := directory.Manifest()
	if err != nil || manifest.Versions.Runtimes["engine"] != "engine 1" || manifest.Transports.Of("compute/loop").Family != "compute" {
		t.Errorf("%v, %v, %+v", err, manifest.Versions, manifest.Transports)
	}

	// A resumed run measures nothing again.
	before := len(runs)
	resumed := Request{Flags: Config{Resume: out}, Progress: &quiet{}, Machine: programMachine(&runs)}
	if outcome, err = Execute(t.Context(), resumed); err != nil || len(outcome.Missing) > 0 {
		t.Errorf("resumed: %v, %v", err, outcome)
	}
	if len(runs) != before {
		t.Errorf("%d runs more: %v", len(runs)-before, runs[before:])
	}
}

func TestIdleInstances(t *testing.T) {
	var runs []string
	outcome, err := Execute(t.Context(), Request{Flags: Config{Seed: new(uint64(1)), Axes: Axes{Kind: "coldstart", Reps: 3, Engines: []string{"engine"}}, Out: filepath.Join(t.TempDir(), "run")},
		Progress: &quiet{}, Machine: programMachine(&runs)})
	if err != nil || len(outcome.Missing) > 0 {
		t.Fatal(err, outcome)
	}
	var phases []string
	for _, s := range outcome.Summaries {
		phases = append(phases, s.Phase)
		if s.N != 3 || s.Status != results.OK {
			t.Errorf("%+v", s)
		}
	}
	if want := []string{"pull", "run", "total", "idle", "idle"}; !slices.Equal(phases, want) {
		t.Errorf("phases %v, want %v", phases, want)
	}
}

// A preset has experiments of several kinds; --transports selects those that have the names.
func TestTransportsSelectProgramsOfAPreset(t *testing.T) {
	var runs []string
	machine, config := programMachine(&runs), &Config{Preset: "paper"}
	for _, test := range []struct {
		kind, transport string
		cells           bool
	}{{"coldstart", "coldstart/hello", true}, {"coldstart", "user/copy", false}, {"coldstart", "compute/nop", false}, {"", "coldstart/hello", false}} {
		cells, err := machine.expandAny(config, Experiment{Axes: Axes{Kind: test.kind, Reps: 3, Transports: []string{test.transport}}})
		if err != nil || len(cells) > 0 != test.cells {
			t.Errorf("%s of experiment %q: %d cells, %v", test.transport, test.kind, len(cells), err)
		}
	}
}

func TestRequestsForProgramsAreChecked(t *testing.T) {
	for name, test := range map[string]struct {
		axes   Axes
		preset string
		want   string
	}{
		"program":      {Axes{Kind: "compute", Transports: []string{"compute/sort"}}, "", `experiment compute has no "compute/sort": choose from compute/nop, compute/loop (--transports)`},
		"runtime":      {Axes{Kind: "compute", Engines: []string{"wasm3"}}, "", `unknown runtime "wasm3": choose from engine, native, missing (--engines)`},
		"full":         {Axes{Full: true}, "", "full is for programs: give experiment compute or coldstart as well (--full)"},
		"preset":       {Axes{Kind: "compute"}, "smoke", "experiment compute has no preset smoke"},
		"command":      {Axes{Kind: "compute", Runtime: []string{"own"}}, "", "give NAME='COMMAND {module} {args}'"},
		"experiment":   {Axes{Kind: "memory"}, "", `experiment "memory": give one of size, compute, coldstart`},
		"for transfer": {Axes{Runtime: []string{"own=run {module}"}}, "", "runtime is for programs"},
	} {
		var runs []string
		_, err := Preview(t.Context(), Request{Flags: Config{Preset: test.preset, Seed: new(uint64(1)), Axes: test.axes}, Machine: programMachine(&runs)})
		if !errors.As(err, new(*UsageError)) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}
