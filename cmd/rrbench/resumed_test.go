package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rrbench/results/resultstest"
)

// TestKilledRunsAreResumed kills sweeps at random moments and expects of the resumed run what
// one that nothing has disturbed has: a row for each planned hand-off, all ok.
func TestKilledRunsAreResumed(t *testing.T) {
	const reps, starts, fanout, concurrency, cells = 6, 3, 2, 2, 2
	arguments := []string{"sweep", "--preset", "smoke", "--quiet", "--transports", "kernel/stream,user/copy", "--engines", "wazero", "--sizes", "64KiB",
		"--fanout", fmt.Sprint(fanout), "--concurrency", fmt.Sprint(concurrency), "--reps", fmt.Sprint(reps), "--seed", "1", "--out"}
	began := time.Now()
	if got := rrbench(t, append(arguments, filepath.Join(t.TempDir(), "undisturbed"))...); got.status != exitOK {
		t.Fatalf("status %d: %s", got.status, got.stderr)
	}
	duration := time.Since(began)
	for kill := range kills {
		directory := filepath.Join(t.TempDir(), fmt.Sprint(kill))
		command := exec.Command(program, append(arguments, directory)...)
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		// A run that has ended before is resumed, too, and has nothing to do.
		time.Sleep(time.Duration(rand.Int64N(int64(duration))))
		_ = command.Process.Kill()
		_ = command.Wait()
		if _, err := os.Stat(filepath.Join(directory, "trials.csv")); err != nil {
			continue // killed before it had begun
		}
		if got := rrbench(t, "sweep", "--quiet", "--resume", directory); got.status != exitOK {
			t.Fatalf("kill %d: status %d: %s", kill, got.status, got.stderr)
		}
		rows := make(map[string]string)
		for _, row := range resultstest.Rows(t, filepath.Join(directory, "trials.csv")) {
			rows[strings.Join([]string{row["cell"], row["rep"], row["first"], row["worker"], row["target"]}, " ")] = row["status"]
		}
		for key, status := range rows {
			if status != "ok" {
				t.Errorf("kill %d: hand-off %s is %s", kill, key, status)
			}
		}
		// One cell is measured twice; each start has a first hand-off beside its rounds.
		if want := (cells + 1) * (reps + starts) * fanout * concurrency; len(rows) != want {
			t.Errorf("kill %d: %d rows of %d", kill, len(rows), want)
		}
		for _, row := range resultstest.Rows(t, filepath.Join(directory, "summary.csv")) {
			if row["status"] != "ok" || row["n"] != fmt.Sprint(reps) {
				t.Errorf("kill %d: %s is %s with %s rounds", kill, row["transport"], row["status"], row["n"])
			}
		}
	}
}

// A second process on the directory of a run under way is refused with the process that has it.
func TestRunUnderWayIsNotResumed(t *testing.T) {
	d := startDriver(t, "--transports", "user/copy")
	got := rrbench(t, "sweep", "--resume", d.directory)
	if got.status != exitUsage || !strings.Contains(got.stderr, fmt.Sprintf("process %d", d.Process.Pid)) || strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("status %d: %q", got.status, got.stderr)
	}
	d.awaitRows(t)
}

func TestResumeRefusesForeignPlans(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "run")
	if got := rrbench(t, "sweep", "--preset", "smoke", "--quiet", "--transports", "limit/memcpy", "--sizes", "64KiB", "--reps", "1", "--out", directory); got.status != exitOK {
		t.Fatalf("status %d: %s", got.status, got.stderr)
	}
	manifest := filepath.Join(directory, "manifest.json")
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{`"fanout": 1`: `"fanout": -1`, `"size_bytes": 65536`: `"size_bytes": 0`, `"blocks": 1`: `"blocks": 900000000000`} {
		if !strings.Contains(string(text), from) {
			t.Fatalf("the manifest lacks %s", from)
		}
		if err := os.WriteFile(manifest, []byte(strings.Replace(string(text), from, to, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		got := rrbench(t, "sweep", "--resume", directory)
		if got.status != exitUsage || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%s: status %d: %q", to, got.status, got.stderr)
		}
	}
}
