package sweep

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"rrbench/baselines/external"
	"rrbench/results"
	"rrbench/shim"
	"rrbench/transport"
)

// stub is a transport that moves nothing, and fails as its fault says.
type stub struct {
	info  transport.Info
	err   error
	fault fault
}

func (s stub) Info() transport.Info { return s.info }
func (s stub) Check() error         { return s.err }
func (s stub) Serve(context.Context, transport.Setup) (transport.Target, error) {
	return &faultyTarget{s.fault}, nil
}
func (s stub) Open(context.Context, transport.Setup, []transport.Endpoint) (transport.Route, error) {
	return &faultyRoute{fault: s.fault}, nil
}

func testMachine() Machine {
	none := []transport.Codec{transport.None}
	transports := []transport.Transport{
		stub{info: transport.Info{Name: "user/copy", Hosting: transport.SharedProcess, Codecs: none, CopiesPerTarget: 1, CopiesAtSource: 1}},
		stub{info: transport.Info{Name: "kernel/stream", Codecs: none, CopiesPerTarget: 1, CopiesAtSource: 1}},
		stub{info: transport.Info{Name: "http/native", Runs: transport.Native, Codecs: []transport.Codec{transport.JSON, transport.Raw}, CopiesPerTarget: 3, CopiesAtSource: 3}},
		stub{info: transport.Info{Name: "limit/tcp", Across: true, Runs: transport.NoFunction, Codecs: none, CopiesPerTarget: 1, CopiesAtSource: 1}},
		stub{info: transport.Info{Name: "odd", Codecs: none}, err: &transport.Unavailable{Transport: "odd", Reason: "no such thing", Remedy: "none"}},
	}
	machine := machineOf(transports...)
	machine.Engines, machine.AvailableMemory = []string{"wazero", "wasmtime"}, 8<<30
	machine.EngineCheck = func(name string) error {
		if name == "wasmtime" {
			return errors.New("built without cgo")
		}
		return nil
	}
	machine.GuestCheck = func(name string) error {
		if name == "c" {
			return nil
		}
		return errors.New("no guest " + name)
	}
	return machine
}

func planFor(t *testing.T, flags Config) *Plan {
	t.Helper()
	plan, err := tryPlan(flags)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func tryPlan(flags Config) (*Plan, error) { return tryPlanOn(testMachine(), flags) }

// planOn is a plan for another machine.
func planOn(t *testing.T, machine Machine, axes Axes) *Plan {
	t.Helper()
	plan, err := tryPlanOn(machine, Config{Axes: axes})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func tryPlanOn(machine Machine, flags Config) (*Plan, error) {
	config, err := Resolve(flags, Config{})
	if err != nil {
		return nil, err
	}
	if config.Seed == nil {
		config.Seed = new(uint64(1))
	}
	return NewPlan(config, machine)
}

func TestPlanIsTheProductOfItsAxes(t *testing.T) {
	plan := planFor(t, Config{Axes: Axes{Sizes: []Size{mib}, Codecs: []string{"raw", "json-std"}}})
	var got []string
	for _, c := range plan.Cells {
		line := strings.Join([]string{c.Transport, c.Engine, c.Codec}, " ")
		if c.Skip != "" {
			line += ": " + c.Skip
		}
		got = append(got, line)
	}
	want := []string{
		"user/copy wazero none",
		"user/copy wasmtime none: built without cgo",
		"kernel/stream wazero none",
		"kernel/stream wasmtime none: built without cgo",
		"http/native native raw",
		"http/native native json-std: http/native has no codec json-std",
		"limit/tcp native none",
		"odd wazero none: transport odd cannot run here: no such thing (none)",
		"odd wasmtime none: transport odd cannot run here: no such thing (none)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPlanRefusesWithTheValueAndTheRemedy(t *testing.T) {
	for name, test := range map[string]struct {
		flags Config
		want  []string
	}{
		"transport":   {Config{Axes: Axes{Transports: []string{"user/cpoy"}}}, []string{"user/cpoy", "user/copy", "--transports"}},
		"engine":      {Config{Axes: Axes{Engines: []string{"v9"}}}, []string{"v9", "wazero", "--engines"}},
		"codec":       {Config{Axes: Axes{Codecs: []string{"xml"}}}, []string{"xml", "json", "--codecs"}},
		"preset":      {Config{Preset: "fast"}, []string{"fast", "smoke", "--preset"}},
		"size 0":      {Config{Axes: Axes{Sizes: []Size{0}}}, []string{"0B", "--sizes"}},
		"size -1":     {Config{Axes: Axes{Sizes: []Size{-1}}}, []string{"-1", "--sizes"}},
		"size 4 GiB":  {Config{Axes: Axes{Sizes: []Size{4 << 30}}}, []string{"4GiB", "3GiB", "--sizes"}},
		"fanout":      {Config{Axes: Axes{Fanout: []int{0}}}, []string{"fanout 0", "--fanout"}},
		"concurrency": {Config{Axes: Axes{Concurrency: []int{-2}}}, []string{"-2", "--concurrency"}},
		"placement":   {Config{Axes: Axes{Placement: []string{"moon"}}}, []string{"moon", "intra"}},
		"payload":     {Config{Axes: Axes{Payload: "song"}}, []string{"song", "text"}},
		"guest":       {Config{Axes: Axes{Guest: "nope.wasm"}}, []string{"nope.wasm", "--guest"}},
		"reps":        {Config{Axes: Axes{Reps: -1}}, []string{"-1", "--reps"}},
		"no cell":     {Config{Axes: Axes{Transports: []string{"user/copy"}, Engines: []string{"native"}}}, []string{"no cell"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tryPlan(test.flags)
			if !errors.As(err, new(*UsageError)) {
				t.Fatalf("got %v, want a usage error", err)
			}
			for _, word := range test.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q lacks %q", err, word)
				}
			}
		})
	}
}

func TestPlanRefusesWhatExceedsMemory(t *testing.T) {
	machine := testMachine()
	machine.AvailableMemory = 3 << 30
	if _, err := tryPlanOn(machine, Config{Axes: Axes{Sizes: []Size{2 << 30}}}); err == nil || !strings.Contains(err.Error(), "2GiB") {
		t.Errorf("a payload that does not fit twice: %v", err)
	}
	plan, err := tryPlanOn(machine, Config{Axes: Axes{Sizes: []Size{512 * mib}, Fanout: []int{16}, Transports: []string{"user/copy"}, Engines: []string{"wazero"}}})
	if err != nil || !strings.Contains(plan.Cells[0].Skip, "memory") {
		t.Errorf("a fan-out that does not fit: %v, %+v", err, plan)
	}
}

func TestScheduleIsBlocksOfPermutations(t *testing.T) {
	plan := planFor(t, Config{Axes: Axes{Reps: 9}})
	visits := plan.Schedule()
	if !slices.Equal(visits, plan.Schedule()) {
		t.Fatal("the same plan has two schedules")
	}
	runnable := 0
	for _, c := range plan.Cells {
		if c.Skip == "" {
			runnable++
		}
	}
	// One is measured twice.
	runnable++
	if plan.Blocks != 3 || len(visits) != 3*runnable {
		t.Fatalf("%d blocks, %d visits of %d cells", plan.Blocks, len(visits), runnable)
	}
	rounds, halves := make(map[int]int), make(map[int]int)
	for i, v := range visits {
		if v.Block != i/runnable {
			t.Fatalf("visit %d is in block %d", i, v.Block)
		}
		if v.Noise {
			halves[v.Cell] += plan.Cells[v.Cell].rounds(v)
			continue
		}
		rounds[v.Cell] += plan.Cells[v.Cell].rounds(v)
	}
	for cell, n := range rounds {
		if n != 9 {
			t.Errorf("cell %d has %d rounds", cell, n)
		}
	}
	for cell, n := range halves {
		if n != 9 || !plan.Cells[cell].Twice || len(halves) != 1 {
			t.Errorf("cell %d of %d has %d rounds for the noise", cell, len(halves), n)
		}
	}
	if slices.Equal(visits[:runnable], visits[runnable:2*runnable]) {
		t.Error("two blocks have the same order")
	}
}

func TestRoundsOfBlocksAddUp(t *testing.T) {
	for reps := 1; reps < 200; reps++ {
		plan := planFor(t, Config{Axes: Axes{Reps: reps}})
		cell, total := &plan.Cells[0], 0
		for block := range plan.Blocks {
			if first := cell.firstRep(Visit{Block: block}); first != total {
				t.Fatalf("reps %d: block %d begins at %d", reps, block, first)
			}
			total += cell.rounds(Visit{Block: block})
		}
		if want := min(reps, 10, max(3, int(math.Ceil(math.Sqrt(float64(reps)))))); total != reps || plan.Blocks != want {
			t.Fatalf("reps %d: %d rounds in %d starts, not %d", reps, total, plan.Blocks, want)
		}
	}
}

// which is a parameter for which all values but "mine" have the stand-in of that name.
func which(standIn string) *transport.Parameter {
	return &transport.Parameter{Flag: "which", Default: "ours", Read: func(value string) (*transport.StandIn, error) {
		if standIn == "" || value == "mine" {
			return nil, nil
		}
		return &transport.StandIn{Name: standIn, For: "the real thing", Remedy: "install it"}, nil
	}}
}

// A transport whose target containerd can start has rows for each runtime of containerd's that is named, beside those of an
// address.
func TestContainerdRuntimesHaveRows(t *testing.T) {
	machine := testMachine()
	machine.Transports = append(machine.Transports, external.New())
	plan := func(axes Axes) []string {
		axes.Transports, axes.Sizes, axes.ContainerdRuntime = []string{"http/external"}, []Size{mib}, []string{"a.v1", "b.v1"}
		var lines []string
		for _, c := range planOn(t, machine, axes).Cells {
			lines = append(lines, strings.Join([]string{c.Engine, c.Codec, c.Launcher, c.Parameter, c.Skip}, " "))
		}
		return lines
	}
	for _, test := range []struct {
		axes Axes
		want []string
	}{
		{Axes{}, []string{"native+a.v1 raw containerd containerd:a.v1 ", "native+b.v1 raw containerd containerd:b.v1 "}},
		{Axes{Codecs: []string{"json"}, Parameters: map[string]string{"url": "http://localhost:1/"}}, []string{
			"native+a.v1 json containerd containerd:a.v1 http/external has no codec json",
			"native+b.v1 json containerd containerd:b.v1 http/external has no codec json",
			"native json process http://localhost:1/ ",
		}},
	} {
		if got := plan(test.axes); !slices.Equal(got, test.want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
	if _, err := tryPlan(Config{Axes: Axes{ContainerdRuntime: []string{"a.v1"}}}); err == nil || !strings.Contains(err.Error(), "for programs and for http/external") {
		t.Errorf("without a transport that has use of it: %v", err)
	}
}

// The engine column names the stand-in; the functions run in their engine.
func TestStandInIsInTheEngineColumn(t *testing.T) {
	machine := testMachine()
	machine.Transports = []transport.Transport{
		stub{info: transport.Info{Name: "user/copy", Codecs: []transport.Codec{transport.None}, Parameter: which("toy")}},
		stub{info: transport.Info{Name: "limit/tcp", Runs: transport.NoFunction, Codecs: []transport.Codec{transport.None}, Parameter: which("toy")}},
	}
	cellsOf := func(parameters map[string]string) []PlannedCell {
		return planOn(t, machine, Axes{Sizes: []Size{mib}, Engines: []string{"wazero"}, Parameters: parameters}).Cells
	}
	cells := cellsOf(nil)
	if cells[0].Engine != "wazero+toy" || cells[0].runtime() != "wazero" || cells[1].Engine != "native+toy" || cells[1].runtime() != transport.NativeEngine {
		t.Errorf("%+v", cells)
	}
	if setup := new(Plan).Setup(&cells[0]); setup.Engine != "wazero" {
		t.Errorf("the functions run in %s", setup.Engine)
	}
	mine := cellsOf(map[string]string{"which": "mine"})
	if mine[0].Engine != "wazero" || mine[0].StandIn != "" {
		t.Errorf("%+v", mine[0])
	}
	// A run continues only with what it was begun with.
	for _, test := range []struct {
		now  string
		cell PlannedCell
		want string
	}{
		{"toy", cells[0], ""}, {"", mine[0], ""}, {"toy", mine[0], ""},
		{"", cells[0], "was begun with toy"},
		{"toy", PlannedCell{}, "was begun without toy"},
	} {
		err := checkStandIn(transport.Info{Parameter: which(test.now)}, test.cell)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q now, begun with %q: %v", test.now, test.cell.StandIn, err)
		}
	}
}

func TestTransportThatNeedsAParameter(t *testing.T) {
	near := transport.Info{Name: "near", Runs: transport.Native, Codecs: []transport.Codec{transport.Raw}}
	far := near
	far.Name, far.Acknowledged, far.Parameter = "far", true, free("where")
	far.Parameter.Needed = "no server was named: use --where"
	machine := machineOf(stub{info: far}, stub{info: near})
	for _, test := range []struct {
		transports []string
		given      map[string]string
		cells      int
		skip       string
	}{
		{nil, nil, 1, ""},
		{nil, map[string]string{"where": "there"}, 2, ""},
		{[]string{"far"}, nil, 1, "no server was named: use --where"},
		{[]string{"far"}, map[string]string{"where": "there"}, 1, ""},
	} {
		axes := defaults(1 * mib)
		axes.Transports, axes.Parameters = test.transports, test.given
		cells, err := machine.expand(Experiment{Axes: axes})
		if err != nil || len(cells) != test.cells {
			t.Errorf("%+v: %d cells, %v", test, len(cells), err)
			continue
		}
		if cells[0].Skip != test.skip {
			t.Errorf("%+v: skipped for %q", test, cells[0].Skip)
		}
		want := map[string]string{"far": results.ClockAcknowledged, "near": results.ClockShared}[cells[0].Transport]
		if clock := row(cells[0], shim.Record{}).Clock; clock != want {
			t.Errorf("clock %q, want %q", clock, want)
		}
	}
}

// A value of a parameter that this machine lacks skips the cells; it is no usage error.
func TestUnavailableParameterIsSkipped(t *testing.T) {
	missing := &transport.Unavailable{Transport: "far", Reason: "it is too old", Remedy: "install a newer one"}
	far := stub{info: transport.Info{
		Name: "far", Runs: transport.Native, Codecs: []transport.Codec{transport.Raw},
		Parameter: &transport.Parameter{Flag: "where", Read: func(string) (*transport.StandIn, error) { return nil, missing }},
	}}
	axes := defaults(1 * mib)
	axes.Parameters = map[string]string{"where": "there"}
	cells, err := machineOf(far).expand(Experiment{Axes: axes})
	if err != nil || len(cells) != 1 || cells[0].Skip != missing.Error() {
		t.Errorf("%+v, %v", cells, err)
	}
}
