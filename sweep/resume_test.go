package sweep

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rrbench/inputs"
	"rrbench/measure"
	"rrbench/results"
	"rrbench/shim"
	"rrbench/transport"
	"rrbench/workloads"
)

// missing is a launcher that lacks something.
type missing struct{ inProcess }

func (missing) Prepare(string) (shim.Pod, error) {
	return nil, &transport.Unavailable{Transport: "here", Reason: "nothing is here", Remedy: "wait"}
}

// A resumed run measures visits that lacked something. A failure is a result, and stays.
func TestResumeRepeatsVisitsThatLackedSomething(t *testing.T) {
	flags := Config{Axes: Axes{Reps: 4, Transports: []string{"user/copy"}, Engines: []string{"wazero"}, Sizes: []Size{mib}}}
	for _, test := range []struct {
		fault string
		lacks bool
		want  results.Status
	}{{fine, true, results.OK}, {"send fails", false, results.Failed}} {
		first := newHarness(t, flags, test.fault)
		if test.lacks {
			first.runner.Machine.Launcher = func(transport.Info) shim.Launcher { return missing{} }
		}
		first.run(t)
		if got := results.Summarize(first.journal.rows, nil, 0)[0]; got.Status != results.Failed {
			t.Fatalf("%s: %s", got.Status, got.Reason)
		}
		left, err := first.runner.Plan.left(first.journal.done())
		if err != nil || (len(left) == 1) != test.lacks {
			t.Errorf("%q: left are %+v, %v", test.fault, left, err)
		}
		rows, windows := newHarness(t, flags, fine).resume(t, first)
		whole := results.Latest(rows)
		if missing := first.runner.Plan.account(whole, windows); len(missing) > 0 {
			t.Errorf("missing: %q", missing)
		}
		if got := results.Summarize(whole, nil, 0)[0]; got.Status != test.want {
			t.Errorf("%q: %s, %s", test.fault, got.Status, got.Reason)
		}
	}
}

func TestDifferentSegmentsAreRefused(t *testing.T) {
	here := results.Segment{
		Program:     results.Program{Version: "here", Digest: "11"},
		Environment: measure.Environment{CPUModel: "Abacus", CPUs: 2, KernelRelease: "6.1"},
	}
	for name, test := range map[string]struct {
		change func(*results.Segment)
		want   []string
	}{
		"same":    {func(*results.Segment) {}, nil},
		"program": {func(s *results.Segment) { s.Program = results.Program{Version: "there", Digest: "22"} }, []string{"here", "sha256:11", "there", "sha256:22"}},
		"CPU":     {func(s *results.Segment) { s.Environment.CPUModel = "Slide rule" }, []string{"Abacus", "Slide rule"}},
		"CPUs":    {func(s *results.Segment) { s.Environment.CPUs = 64 }, []string{"2", "64"}},
		"kernel":  {func(s *results.Segment) { s.Environment.KernelRelease = "7.0" }, []string{"6.1", "7.0"}},
		"quota":   {func(s *results.Segment) { s.Environment.CPUQuota = 1.5 }, []string{"1.5"}},
	} {
		then := here
		test.change(&then)
		err := checkSegment([]results.Segment{then}, here, false)
		if (err != nil) != (test.want != nil) {
			t.Errorf("%s: %v", name, err)
		}
		mixed := mixture([]results.Segment{then, here})
		for _, word := range test.want {
			if !strings.Contains(err.Error(), word) || !strings.Contains(mixed, word) {
				t.Errorf("%s: %v, %q", name, err, mixed)
			}
		}
		if test.want == nil && mixed != "" {
			t.Errorf("%s: %q", name, mixed)
		}
		if err := checkSegment([]results.Segment{then}, here, true); err != nil {
			t.Errorf("%s, by force: %v", name, err)
		}
		// A run that was mixed already may continue where it was begun.
		if err := checkSegment([]results.Segment{here, then}, here, false); err != nil {
			t.Errorf("%s, going back: %v", name, err)
		}
	}
}

func TestGuestsAreReadAgainOnResume(t *testing.T) {
	directory := t.TempDir()
	file := func(name string, last byte) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte("\x00asm\x01\x00\x00\x00\x00\x02\x01"+string(last)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	input := func(name string, pipe bool) results.Input {
		path := file(name, 'a')
		read, _, err := workloads.ReadFile(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		read.Pipe = pipe
		return inputOf(results.GuestInput, name+"@test", read)
	}
	same, piped, changed, gone := input("same", false), input("piped", true), input("changed", false), input("gone", false)
	file("changed", 'b')
	if err := os.Remove(string(gone.Path)); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		guest results.Input
		given string
		left  bool
		want  []string
	}{
		"the same":               {same, "", true, nil},
		"changed":                {changed, "", true, []string{"sha256:" + changed.Digest, "changed is sha256:", "--guest"}},
		"changed, nothing left":  {changed, "", false, []string{"sha256:" + changed.Digest}},
		"changed, given":         {changed, file("copy", 'a'), true, nil},
		"gone":                   {gone, "", true, []string{"does not exist", "--guest"}},
		"gone, nothing left":     {gone, "", false, nil},
		"gone, given":            {gone, file("copy", 'a'), true, nil},
		"gone, another given":    {gone, file("other", 'c'), true, []string{"sha256:" + gone.Digest, "other is sha256:"}},
		"from a pipe":            {piped, "", true, []string{"pipe", "--guest"}},
		"a pipe, nothing left":   {piped, "", false, nil},
		"from a pipe, and given": {piped, file("copy", 'a'), true, nil},
	} {
		var left []PlannedCell
		if test.left {
			left = []PlannedCell{{Guest: test.guest.Name}}
		}
		err := readAgain(t.Context(), []results.Input{test.guest}, test.given, left)
		if (err != nil) != (test.want != nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, word := range test.want {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v lacks %q", name, err, word)
			}
		}
		if _, known := workloads.Added(test.guest.Name); test.want == nil && test.left && !known {
			t.Errorf("%s: the guest is not known", name)
		}
	}
}

func TestChangedProgramsAreRefused(t *testing.T) {
	program := func(path, digest string) []results.Input {
		return []results.Input{{Kind: results.ProgramInput, Path: results.Text(path), Digest: digest}}
	}
	then := program("/usr/bin/server", "11")
	for _, now := range [][]results.Input{program("/usr/local/bin/server", "11"), program("/usr/bin/other", "22"), nil} {
		if err := checkPrograms(then, now); err != nil {
			t.Errorf("%+v: %v", now, err)
		}
	}
	if err := checkPrograms(then, program("/usr/bin/server", "22")); err == nil || !strings.Contains(err.Error(), "sha256:11") || !strings.Contains(err.Error(), "sha256:22") {
		t.Errorf("%v", err)
	}
}

// The file of a guest is read once for all cells, and not needed afterwards.
func TestGuestsAreReadOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.wasm")
	if err := os.WriteFile(path, []byte("\x00asm\x01\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := Config{Experiments: []Experiment{{Axes: Axes{Guest: path}}, {Axes: Axes{Guest: "c"}}, {Axes: Axes{Guest: path}}}}
	read, err := config.ReadGuests(t.Context())
	if err != nil || len(read) != 1 {
		t.Fatal(read, err)
	}
	if e := config.Experiments; e[0].Guest != read[0].Name || e[2].Guest != read[0].Name || e[1].Guest != "c" {
		t.Errorf("%+v", e)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wasm, err := workloads.Guest(read[0].Name)
	if digest := (&inputs.File{Content: wasm}).Digest(); err != nil || string(digest) != read[0].Digest {
		t.Errorf("%x, %v", wasm, err)
	}
}
