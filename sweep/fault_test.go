package sweep

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rrbench/results"
)

// runFaults runs a sweep with one cell for each fault, and returns what its directory holds in the end.
func runFaults(t *testing.T, reps int, faults []string) (*Outcome, results.Journaled) {
	t.Helper()
	var text strings.Builder
	text.WriteString("experiments:\n")
	for _, fault := range faults {
		fmt.Fprintf(&text, "  - {name: %q, transports: [faulty], codecs: [raw], sizes: [1000B], fanout: [3], concurrency: [2], fault: %q}\n", fault, fault)
	}
	flags := Config{Preset: "smoke", Seed: new(uint64(faultySeed)), Axes: Axes{Reps: reps}, Warmup: new(faultyWarmup), Deadline: time.Second,
		Out: filepath.Join(t.TempDir(), "run"), File: configFile(t, text.String())}
	machine := machineOf(faulty{})
	outcome, err := Execute(t.Context(), Request{Flags: flags, Progress: &quiet{}, Machine: &machine})
	if err != nil {
		t.Fatal(err)
	}
	directory, err := results.Open(flags.Out)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := directory.Journaled()
	if err != nil || len(rows.Damage) > 0 {
		t.Fatal(err, rows.Damage)
	}
	return outcome, rows
}

// Every step of a transport's contract fails in every way, at every moment. Each planned hand-off must have a row, and each
// fault must be in its cell.
func TestEveryFaultHasItsRows(t *testing.T) {
	faults := []string{"none"}
	healthy := len(faults)
	for _, step := range []string{"serve", "open", "close-target", "close-route"} {
		for _, kind := range []string{"fails", "panics", "exits"} {
			faults = append(faults, step+" "+kind)
		}
	}
	hangs := []string{"round"}
	if slow {
		faults = append(faults, "close-route hangs")
		hangs = []string{"first", "warm-up", "window", "round"}
	}
	for _, moment := range hangs {
		faults = append(faults, "send hangs "+moment)
	}
	for _, moment := range []string{"first", "warm-up", "window", "round"} {
		for _, kind := range []string{"fails", "panics", "exits"} {
			faults = append(faults, "prepare "+kind+" "+moment, "send "+kind+" "+moment)
		}
		for _, kind := range []string{"answers-few", "answers-none", "answers-many", "answers-not", "target-fails", "wrong-length", "wrong-digest", "wrong-moments"} {
			faults = append(faults, "send "+kind+" "+moment)
		}
	}
	const reps = 5
	outcome, found := runFaults(t, reps, faults)
	if len(outcome.Missing) > 0 {
		t.Errorf("hand-offs without rows: %q", outcome.Missing)
	}
	if want := len(faults) - healthy; outcome.Cells.Failed != want {
		t.Errorf("%d cells failed, not %d", outcome.Cells.Failed, want)
	}
	rows := make(map[string]map[results.Status]int)
	for _, trial := range found.Trials {
		if rows[trial.Experiment] == nil {
			rows[trial.Experiment] = make(map[results.Status]int)
		}
		rows[trial.Experiment][trial.Status]++
		if (trial.Status == results.OK) != (trial.Reason == "") {
			t.Errorf("%s: a row is %s for the reason %q", trial.Experiment, trial.Status, trial.Reason)
		}
	}
	for i, fault := range faults {
		counts := rows[fault]
		// Each cell has 3 starts, each with a first round, twice.
		if sum, want := counts[results.OK]+counts[results.Failed]+counts[results.Skipped], 2*(reps+3)*2*3; sum != want {
			t.Errorf("%s: %d rows of %d: %v", fault, sum, want, counts)
		}
		if (counts[results.Failed] == 0) != (i < healthy) {
			t.Errorf("%s: %v", fault, counts)
		}
		// Hand-offs before the fault are kept, unless the shim that had their records is gone.
		gone := strings.Contains(fault, "panics") || strings.Contains(fault, "exits")
		if strings.HasSuffix(fault, " round") && !gone && counts[results.OK] < 2*3 {
			t.Errorf("%s: %v, though its first round went well", fault, counts)
		}
	}
	for _, w := range found.Windows {
		struck := strings.HasSuffix(w.Experiment, " window")
		if w.Tried == 0 || w.Tried != w.OK+w.Failed || (w.Failed > 0) != struck || struck && w.Reason == "" {
			t.Errorf("window %+v", w)
		}
	}
	for _, s := range outcome.Summaries {
		if s.Status == results.OK && s.N != reps {
			t.Errorf("%s is ok with %d rounds of %d", s.Experiment, s.N, reps)
		}
	}
}
