package sweep

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// good is a value of each parameter that is in use nowhere else, where there is another one.
var good = map[string]string{
	"preset": "smoke", "transports": "limit/memcpy,http/external", "engines": "wazero", "codecs": "raw", "sizes": "2KiB,3KiB",
	"fanout": "3", "concurrency": "2,1", "placement": "intra", "payload": "bytes", "guest": "go",
	"crossover": "8KiB", "container-net": "host", "url": "http://localhost:1/", "redis": "tcp",
	"reps": "7", "starts": "4", "rounds": "5", "size-mix": "1KiB,2MiB", "fanout-order": "serial,parallel", "fanin": "1,3", "rate": "10,1000", "origin": "heap,host",
	"consume": "write", "memory-limit": "60MiB", "warmup": "0", "seed": "9", "deadline": "7s", "out": "somewhere",
	"until-width": "5%", "budget": "7m", "launcher": "containerd,process", "experiment": "compute", "runtime": "own=/nonexistent/run {module}", "containerd-runtime": "io.containerd.none.v1", "full": "true",
}

// Each parameter of the table makes the same plan by flag and by file, and another one than
// without it.
func TestFlagAndKeyAreEquivalent(t *testing.T) {
	machine, err := ThisMachine(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	machine.AvailableMemory = 1 << 40
	type settled struct {
		Plan Plan
		Out  string
	}
	settle := func(flags Config) settled {
		t.Helper()
		if flags.Seed == nil {
			flags.Seed = new(uint64)
		}
		s, err := planOf(t.Context(), Request{Flags: flags}, &machine)
		if err != nil {
			t.Fatal(err)
		}
		return settled{*s.Plan, s.Out}
	}
	without := settle(Config{})
	for _, p := range Parameters(machine.Transports) {
		if p.Scope == OfCommand {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			value, ok := good[p.Name]
			if !ok {
				t.Fatal("the test has no value for it")
			}
			var flags Config
			if err := (Flag{Parameter: p, Config: &flags}).Set(strings.ReplaceAll(value, ",", " , ")); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(value, "{") {
				value = "'" + value + "'"
			}
			if p.List() {
				value = "[" + value + "]"
			}
			path := configFile(t, p.Name+": "+value+"\n")
			file := Config{File: path}
			if p.Name == "seed" {
				file.Seed = flags.Seed // a flag given beside the file wins
				read, _, err := ReadConfig(t.Context(), path, Parameters(nil))
				if err != nil || *read.Seed != *flags.Seed {
					t.Errorf("%v, %v", read.Seed, err)
				}
			}
			switch p.Name { // of nothing else
			case "budget":
				flags.UntilWidth, file.UntilWidth = 0.05, 0.05
			case "runtime", "containerd-runtime", "full":
				flags.Kind, file.Kind = "compute", "compute"
			}
			byFlag := settle(flags)
			if diff := cmp.Diff(byFlag, settle(file)); diff != "" {
				t.Error(diff)
			}
			if p.Name != "placement" && cmp.Equal(byFlag, without) {
				t.Error("it changes nothing")
			}
		})
	}
}

// Sums and products of what is in bounds do not overflow: a plan that is too large is refused.
func TestPlanVolumeIsBounded(t *testing.T) {
	machine := testMachine()
	machine.AvailableMemory = 1 << 60
	many := make([]Size, maxCells+1)
	for i := range many {
		many[i] = Size(i + 1)
	}
	for name, test := range map[string]struct {
		reps, fanout, concurrency int
		sizes                     []Size
		want                      string
	}{
		"most rounds":    {maxReps, 1, 1, []Size{1}, ""},
		"most hand-offs": {1, 100, 10, []Size{3 << 30}, ""},
		"hand-offs":      {maxReps, maxFanout, maxConcurrency, []Size{1}, "51,210,240,000 hand-offs"},
		"bytes":          {maxReps, maxFanout, 1, []Size{3 << 30}, "200,040,000 hand-offs (644.3 PB)"},
		"cells":          {1, 1, 1, many, "10,001 cells"},
		"cells squared":  {1, 1, 1, slices.Repeat(many, 10), "100,010 cells"},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := Resolve(Config{Seed: new(uint64), Axes: Axes{
				Reps:       test.reps,
				Transports: []string{"limit/tcp"}, Sizes: test.sizes, Fanout: []int{test.fanout}, Concurrency: []int{test.concurrency},
			}}, Config{})
			if err != nil {
				t.Fatal(err)
			}
			plan, err := NewPlan(config, machine)
			switch {
			case test.want == "" && err == nil:
				if estimate := plan.Estimate(byName(machine.Transports)); estimate <= 0 {
					t.Errorf("it would take %v", estimate)
				}
			case test.want == "" || !errors.As(err, new(*UsageError)) || !strings.Contains(err.Error(), test.want):
				t.Errorf("%v", err)
			}
		})
	}
}
