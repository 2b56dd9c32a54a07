package sweep

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rrbench/results"
)

// resumedFrom continues a run with this trials.csv and the plan of a harness, and returns the rows of the file afterwards.
func resumedFrom(t *testing.T, path string, flags Config, journal []byte) (trials []results.Trial, missing []string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path, "trials.csv"), journal, 0o644); err != nil {
		t.Fatal(err)
	}
	directory, err := results.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t, flags, fine)
	out, recovered, err := directory.ResumeJournal()
	if err != nil {
		t.Fatal(err)
	}
	h.runner.Journal, h.runner.Done = out, recovered
	if err := errors.Join(h.runner.Run(t.Context()), out.Close(), directory.Close()); err != nil {
		t.Fatal(err)
	}
	rows, err := directory.Journaled()
	if err != nil || len(rows.Damage) > len(recovered.Damage) {
		t.Fatal(rows.Damage, err)
	}
	return rows.Trials, h.runner.Plan.account(rows.Trials, rows.Windows)
}

// A journal is cut at many bytes (a small one at every byte, in the slow form). The resumed run must have the same rows as a
// run without interruption.
func TestTornJournalIsCompleted(t *testing.T) {
	flags := Config{Axes: Axes{
		Reps:       4,
		Transports: []string{"user/copy", "kernel/stream", "odd"}, Engines: []string{"wazero"}, Sizes: []Size{1000}, Fanout: []int{2}, Concurrency: []int{2},
	}}
	// One cell has its 3 starts twice, each with a first round.
	step, planned := 2003, 3*(4+3)*2*2+1
	if slow {
		flags.Reps, flags.Transports, flags.Concurrency = 2, []string{"user/copy"}, []int{1}
		step, planned = 1, 2*(2+2)*2
	}
	path := t.TempDir()
	whole, missing := resumedFrom(t, path, flags, nil)
	if len(whole) != planned || len(missing) > 0 {
		t.Fatalf("%d rows, missing: %v", len(whole), missing)
	}
	text, err := os.ReadFile(filepath.Join(path, "trials.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for length := 0; length < len(text); length += step {
		trials, missing := resumedFrom(t, path, flags, text[:length])
		if len(missing) > 0 || len(trials) != len(whole) {
			t.Fatalf("cut at %d: %d rows of %d, missing: %v", length, len(trials), len(whole), missing)
		}
		for _, s := range results.Summarize(trials, nil, 0) {
			if s.Transport != "odd" && (s.Status != results.OK || s.N != flags.Reps) {
				t.Fatalf("cut at %d: %s is %s with %d rounds", length, s.Transport, s.Status, s.N)
			}
		}
	}
}

// A line in the middle that cannot be read is a hand-off that is measured again.
func TestUnreadableLineIsMeasuredAgain(t *testing.T) {
	flags := Config{Axes: Axes{Reps: 4, Transports: []string{"user/copy"}, Engines: []string{"wazero"}, Sizes: []Size{1000}, Fanout: []int{2}}}
	path := t.TempDir()
	whole, _ := resumedFrom(t, path, flags, nil)
	text, err := os.ReadFile(filepath.Join(path, "trials.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines[3] = bytes.Replace(lines[3], []byte(",ok,"), []byte(",oops,"), 1)
	trials, missing := resumedFrom(t, path, flags, bytes.Join(lines, nil))
	if len(missing) > 0 || len(trials) != len(whole) {
		t.Errorf("%d rows of %d, missing: %v", len(trials), len(whole), missing)
	}
}

// A start whose rounds are there and whose window is not is measured again.
func TestLostWindowIsMeasuredAgain(t *testing.T) {
	flags := Config{Axes: Axes{Reps: 4, Transports: []string{"user/copy"}, Engines: []string{"wazero"}, Sizes: []Size{1000}}}
	path := t.TempDir()
	whole, _ := resumedFrom(t, path, flags, nil)
	trials, err := os.ReadFile(filepath.Join(path, "trials.csv"))
	if err != nil {
		t.Fatal(err)
	}
	windows, err := os.ReadFile(filepath.Join(path, "windows.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{0, len(windows) / 2, len(windows) - 1} {
		if err := os.WriteFile(filepath.Join(path, "windows.csv"), windows[:length], 0o644); err != nil {
			t.Fatal(err)
		}
		again, missing := resumedFrom(t, path, flags, trials)
		if len(missing) > 0 || len(again) != len(whole) {
			t.Errorf("cut at %d: %d rows of %d, missing: %v", length, len(again), len(whole), missing)
		}
	}
}

func TestRowsOfAnotherPlanAreRefused(t *testing.T) {
	plan := planFor(t, Config{Axes: Axes{Reps: 4, Transports: []string{"user/copy"}, Engines: []string{"wazero"}, Sizes: []Size{1000}}})
	good := outcome(plan.Cells[0], results.OK, "")
	plan.Cells[0].place(&good, Visit{Block: 1}, 1)
	for name, spoil := range map[string]func(*results.Trial){
		"cell":      func(r *results.Trial) { r.CellIndex = 7 },
		"block":     func(r *results.Trial) { r.Block = 900_000_000_000 },
		"no block":  func(r *results.Trial) { r.Block = -1 },
		"rep":       func(r *results.Trial) { r.Rep = 0 },
		"worker":    func(r *results.Trial) { r.Worker = 1 },
		"target":    func(r *results.Trial) { r.Target = -1 },
		"transport": func(r *results.Trial) { r.Transport = "kernel/stream" },
		"size":      func(r *results.Trial) { r.SizeBytes = 3 },
	} {
		row := good
		spoil(&row)
		if _, err := loadProgress(plan, results.Journaled{Trials: []results.Trial{good, row}}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := loadProgress(plan, results.Journaled{Trials: []results.Trial{good}}); err != nil {
		t.Error(err)
	}
}

func TestPlansFromFilesAreChecked(t *testing.T) {
	infos := byName(testMachine().Transports)
	for name, spoil := range map[string]func(*Plan){
		"no cells":        func(p *Plan) { p.Cells = nil },
		"nothing":         func(p *Plan) { *p = Plan{} },
		"no blocks":       func(p *Plan) { p.Blocks = 0 },
		"blocks":          func(p *Plan) { p.Blocks = 900_000_000_000 },
		"window":          func(p *Plan) { p.Window = time.Hour },
		"reps":            func(p *Plan) { p.Cells[0].Reps = -1 },
		"starts":          func(p *Plan) { p.Cells[0].Starts = 0 },
		"more starts":     func(p *Plan) { p.Cells[0].Starts = 5 },
		"size mix":        func(p *Plan) { p.Cells[0].SizeMix = "1MiB,2GiB" },
		"no size mix":     func(p *Plan) { p.Cells[0].SizeMix = "," },
		"warm-up":         func(p *Plan) { p.Warmup = -1 },
		"deadline":        func(p *Plan) { p.Deadline = 0 },
		"fan-out":         func(p *Plan) { p.Cells[0].Fanout = -1 },
		"concurrency":     func(p *Plan) { p.Cells[0].Concurrency = 0 },
		"size":            func(p *Plan) { p.Cells[0].SizeBytes = 0 },
		"unknown":         func(p *Plan) { p.Cells[0].Transport = "ours" },
		"kind of payload": func(p *Plan) { p.Cells[0].Payload = "poem" },
		"placement":       func(p *Plan) { p.Cells[0].Placement = "moon" },
	} {
		plan := planFor(t, Config{Axes: Axes{Reps: 4}})
		if err := plan.check(infos); err != nil {
			t.Fatal(err)
		}
		spoil(plan)
		if err := plan.check(infos); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
