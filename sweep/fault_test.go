package sweep

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rrbench/results"
	"rrbench/results/resultstest"
	"rrbench/shim"
	"rrbench/transport"
)

func faultyMachine() *Machine {
	return &Machine{
		Transports:      []transport.Transport{faulty{}},
		FindTransport:   findFaulty,
		EngineCheck:     func(string) error { return nil },
		GuestCheck:      func(string) error { return nil },
		FunctionCheck:   ableFunctions,
		Launcher:        func(transport.Info) shim.Launcher { return shim.Child{} },
		AvailableMemory: 1 << 34,
	}
}

// runFaults runs a sweep with one cell for each fault.
func runFaults(t *testing.T, reps int, faults []string) (_ *Outcome, trials, windows []map[string]string) {
	t.Helper()
	warmup, seed, out := faultyWarmup, uint64(faultySeed), filepath.Join(t.TempDir(), "run")
	flags := Config{Preset: "smoke", Seed: &seed, Axes: Axes{Reps: reps}, Warmup: &warmup, Deadline: time.Second, Out: out, File: filepath.Join(t.TempDir(), "faults.yaml")}
	var text strings.Builder
	text.WriteString("experiments:\n")
	for _, fault := range faults {
		fmt.Fprintf(&text, "  - {name: %q, transports: [faulty], codecs: [raw], sizes: [1000B], fanout: [3], concurrency: [2], fault: %q}\n", fault, fault)
	}
	if err := os.WriteFile(flags.File, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	outcome, err := Execute(t.Context(), Request{Flags: flags, Progress: &quiet{}, Machine: faultyMachine()})
	if err != nil {
		t.Fatal(err)
	}
	return outcome, resultstest.Rows(t, filepath.Join(out, "trials.csv")), resultstest.Rows(t, filepath.Join(out, "windows.csv"))
}

// TestFaultsAreAccountedFor has every step of a transport's contract fail in every way, at
// every moment, and expects each planned hand-off as a row, and each fault in its cell.
func TestFaultsAreAccountedFor(t *testing.T) {
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
	outcome, trials, windows := runFaults(t, reps, faults)
	if len(outcome.Missing) > 0 {
		t.Errorf("hand-offs without rows: %q", outcome.Missing)
	}
	if want := len(faults) - healthy; outcome.Cells.Failed != want {
		t.Errorf("%d cells failed, not %d", outcome.Cells.Failed, want)
	}
	rows := make(map[string]map[string]int)
	for _, trial := range latest(trials) {
		fault, status := trial["experiment"], trial["status"]
		if rows[fault] == nil {
			rows[fault] = make(map[string]int)
		}
		rows[fault][status]++
		if (status == "ok") != (trial["reason"] == "") {
			t.Errorf("%s: a row is %s for the reason %q", fault, status, trial["reason"])
		}
	}
	for i, fault := range faults {
		counts := rows[fault]
		// Each cell has 3 starts, each with a first round, twice.
		if sum, want := counts["ok"]+counts["failed"]+counts["skipped"], 2*(reps+3)*2*3; sum != want {
			t.Errorf("%s: %d rows of %d: %v", fault, sum, want, counts)
		}
		if (counts["failed"] == 0) != (i < healthy) {
			t.Errorf("%s: %v", fault, counts)
		}
		// What has taken place before the fault is kept, unless the shim that knew is gone.
		gone := strings.Contains(fault, "panics") || strings.Contains(fault, "exits")
		if strings.HasSuffix(fault, " round") && !gone && counts["ok"] < 2*3 {
			t.Errorf("%s: %v, though its first round went well", fault, counts)
		}
	}
	for _, w := range windows {
		tried, ok, failed := parseCount(t, w["tried"]), parseCount(t, w["ok"]), parseCount(t, w["failed"])
		struck := strings.HasSuffix(w["experiment"], " window")
		if tried == 0 || tried != ok+failed || (failed > 0) != struck || struck && w["reason"] == "" {
			t.Errorf("window %v", w)
		}
	}
	for _, s := range outcome.Summaries {
		if s.Status != results.OK {
			continue
		}
		if s.N != reps {
			t.Errorf("%s is ok with %d rounds of %d", s.Experiment, s.N, reps)
		}
	}
}

// latest keeps the last row of each hand-off: one whose functions could not be ended is
// written as failed after it was ok.
func latest(rows []map[string]string) (kept []map[string]string) {
	at := make(map[string]int)
	for _, row := range rows {
		key := strings.Join([]string{row["cell"], row["block"], row["rep"], row["first"], row["noise"], row["worker"], row["target"]}, " ")
		if i, again := at[key]; again {
			kept[i] = row
			continue
		}
		at[key] = len(kept)
		kept = append(kept, row)
	}
	return kept
}

func parseCount(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
