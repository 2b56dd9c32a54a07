package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	osignal "os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rrbench/results"
)

// program is the path of the built rrbench: its shims are processes of the same file.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		directory, err := os.MkdirTemp("", "rrbench-test")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(directory)
		program = filepath.Join(directory, "rrbench")
		if err := build(program); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// build puts the program at a path. Unlike go build, go run links only what has changed.
func build(path string, environment ...string) error {
	command := exec.Command("go", "run", "-exec", "cp", ".", path)
	command.Env = append(os.Environ(), environment...)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build rrbench: %w\n%s", err, out)
	}
	return nil
}

type outcome struct {
	status         int
	stdout, stderr string
}

func rrbench(t *testing.T, arguments ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, program, arguments...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func TestSweepWritesEverythingThatItPromises(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "run")
	got := rrbench(t, "sweep", "--preset", "smoke", "--sizes", "64KiB", "--engines", "wazero", "--codecs", "raw", "--reps", "2", "--out", directory)
	if got.status != exitOK {
		t.Fatalf("status %d: %s", got.status, got.stderr)
	}
	if !strings.Contains(got.stdout, "results: "+directory) || !strings.Contains(got.stdout, "user/copy") {
		t.Errorf("the table and the path are not there:\n%s", got.stdout)
	}
	for _, file := range []string{"manifest.json", "trials.csv", "summary.csv", "figures/latency-breakdown.png", "figures/latency-breakdown.csv", "figures/cpu.svg", "figures/cpu.pdf"} {
		if info, err := os.Stat(filepath.Join(directory, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
	run, err := results.Open(directory)
	if err != nil {
		t.Fatal(err)
	}
	contents, err := run.Read()
	if err != nil || len(contents.Damage) > 0 {
		t.Fatal(contents.Damage, err)
	}
	said := contents.Transports
	for _, trial := range trials(t, directory) {
		info := said.Of(trial.Transport)
		if info.Place == 0 || (info.Family == results.LimitFamily) != (len(info.Limits) == 0) {
			t.Errorf("the manifest says of %s: %+v", trial.Transport, info)
		}
		if trial.Status == results.Failed {
			t.Errorf("%s %s failed: %s", trial.Transport, trial.Engine, trial.Reason)
		}
		if sum := trial.Serialize + trial.CopyOut + trial.Transfer + trial.CopyIn + trial.Deserialize; sum != trial.Latency {
			t.Errorf("%s: phases add up to %d, latency is %d", trial.Transport, sum, trial.Latency)
		}
		if trial.Status == results.OK && (trial.Latency <= 0 || trial.Consumed < trial.Latency || trial.PSSPeak <= 0 || trial.CPUUser+trial.CPUKernel <= 0) {
			t.Errorf("implausible: %+v", trial)
		}
	}
}

// TestKilledDriver kills a sweep in the middle: its shims must be gone, its finished trials
// kept, and the run resumed to its end.
func TestKilledDriver(t *testing.T) {
	const reps = 9
	for name, signal := range map[string]syscall.Signal{"SIGKILL": syscall.SIGKILL, "SIGINT": syscall.SIGINT, "SIGHUP": syscall.SIGHUP} {
		t.Run(name, func(t *testing.T) {
			if osignal.Ignored(signal) {
				t.Skip("the tests were started with this signal ignored, as nohup does, and so would the program be")
			}
			directory := filepath.Join(t.TempDir(), "run")
			driver := exec.Command(program, "sweep", "--quiet", "--transports", "user/copy,kernel/stream", "--engines", "wazero", "--sizes", "1MiB", "--reps", strconv.Itoa(reps), "--out", directory)
			var stderr bytes.Buffer
			driver.Stderr = &stderr
			driver.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := driver.Start(); err != nil {
				t.Fatal(err)
			}
			group := driver.Process.Pid
			waitFor(t, "a few trials", func() bool { return len(trials(t, directory)) > reps/2 })
			before := len(trials(t, directory))
			_ = driver.Process.Signal(signal)
			err := driver.Wait()
			if signal != syscall.SIGKILL && (driver.ProcessState.ExitCode() != exitFailed || !strings.Contains(stderr.String(), "rrbench sweep --resume "+directory)) {
				t.Errorf("%v: %s", err, &stderr)
			}
			// The shims are of the driver's process group.
			waitFor(t, "the shims' end", func() bool { return !errors.Is(syscall.Kill(-group, 0), nil) })
			if kept := len(trials(t, directory)); kept < before {
				t.Errorf("%d trials before, %d after", before, kept)
			}
			if got := rrbench(t, "sweep", "--quiet", "--resume", directory); got.status != exitOK {
				t.Fatalf("resume: status %d: %s", got.status, got.stderr)
			}
			seen := make(map[string]int)
			for _, trial := range trials(t, directory) {
				seen[fmt.Sprintf("%d/%d first %v", trial.CellIndex, trial.Rep, trial.First)]++
			}
			summaries := rows(t, filepath.Join(directory, "summary.csv"))
			// One cell is measured twice; of its starts each has a first hand-off, too.
			const starts = 3
			if len(seen) != (reps+starts)*(summaries+1) {
				t.Errorf("%d rounds of %d cells", len(seen), summaries)
			}
			for key, n := range seen {
				if n != 1 {
					t.Errorf("round %s is there %d times", key, n)
				}
			}
		})
	}
}

// What nohup starts goes on after the end of the terminal.
func TestIgnoredHangUp(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "run")
	driver := exec.Command("sh", "-c", `trap "" HUP; exec "$0" sweep --quiet --transports user/copy --sizes 1MiB --reps 9 --out "$1"`, program, directory)
	if err := driver.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a few trials", func() bool { return len(trials(t, directory)) > 2 })
	_ = driver.Process.Signal(syscall.SIGHUP)
	if err := driver.Wait(); err != nil {
		t.Error(err)
	}
}

// Without redis-server something stands in for it, which cannot be mistaken for Redis.
func TestStandInForRedis(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	directory := filepath.Join(t.TempDir(), "run")
	got := rrbench(t, "sweep", "--preset", "smoke", "--transports", "redis,redis/pubsub,limit/redis", "--engines", "wazero", "--codecs", "raw",
		"--sizes", "64KiB,1MiB", "--reps", "2", "--out", directory)
	if got.status != exitOK {
		t.Fatalf("status %d: %s%s", got.status, got.stdout, got.stderr)
	}
	if !strings.Contains(got.stdout, "wazero+miniredis") {
		t.Errorf("the table does not say so:\n%s", got.stdout)
	}
	for _, trial := range trials(t, directory) {
		if want := map[bool]string{false: "wazero+miniredis", true: "native+miniredis"}[trial.Transport == "limit/redis"]; trial.Engine != want {
			t.Errorf("a trial of %s says %s, not %s", trial.Transport, trial.Engine, want)
		}
	}
	// A run goes on with what it was begun with, or not at all.
	if again := rrbench(t, "sweep", "--resume", directory); again.status != exitOK {
		t.Errorf("resume: status %d: %s", again.status, again.stderr)
	}
	write(t, filepath.Join(os.Getenv("PATH"), "redis-server"), "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(os.Getenv("PATH"), "redis-server"), 0o755); err != nil {
		t.Fatal(err)
	}
	if again := rrbench(t, "sweep", "--resume", directory); again.status != exitUsage || !strings.Contains(again.stderr, "begun with miniredis") {
		t.Errorf("resume with redis-server: status %d: %s", again.status, again.stderr)
	}
	figures, err := filepath.Glob(filepath.Join(directory, "figures", "*.svg"))
	if err != nil || len(figures) == 0 {
		t.Fatal("no figures", err)
	}
	for _, path := range figures {
		text, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(text, []byte("miniredis")) {
			t.Errorf("%s does not say so: %v", path, err)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func trials(t *testing.T, directory string) []results.Trial {
	t.Helper()
	run, err := results.Open(directory)
	if err != nil {
		return nil
	}
	all, err := run.Journaled()
	if err != nil {
		t.Fatal(err)
	}
	return all.Trials
}

// rows counts the rows of a CSV without its header.
func rows(t *testing.T, path string) int {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(content, []byte("\n")) - 1
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited a minute for %s", what)
}
