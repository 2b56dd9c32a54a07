package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rrbench/transport"
	"rrbench/tune"
)

// TestTunedCrossoversAreUsed by a sweep, and shown by what says which are in use.
func TestTunedCrossoversAreUsed(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	path := filepath.Join(home, "rrbench", "crossovers.json")
	const chosen = 112 << 10
	tuned := tune.File([]*tune.Curve{{Transport: "user", Engine: "wazero", Chosen: chosen, Because: "measured"}})
	if err := tuned.Write(path); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"list", "doctor"} {
		if got := rrbench(t, name); !strings.Contains(joined(got.stdout), "measured on") {
			t.Errorf("%s does not say so:\n%s", name, got.stdout)
		}
	}
	got := rrbench(t, "sweep", "--dry-run", "--transports", "user", "--engines", "wazero", "--sizes", "1MiB")
	for _, text := range []string{"crossovers: measured on", "crossover ~" + transport.FormatCrossover(chosen)} {
		if !strings.Contains(got.stdout, text) {
			t.Errorf("%q is not in status %d: %s%s", text, got.status, got.stdout, got.stderr)
		}
	}
}

// joined undoes the wrapping of a table's cells.
func joined(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestInterruptedTune leaves neither a file nor a shim.
func TestInterruptedTune(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "crossovers.json")
	driver := exec.Command(program, "tune", "--quiet", "--out", path)
	driver.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := driver.Start(); err != nil {
		t.Fatal(err)
	}
	group := driver.Process.Pid
	time.Sleep(700 * time.Millisecond)
	_ = driver.Process.Signal(syscall.SIGINT)
	if _ = driver.Wait(); driver.ProcessState.ExitCode() != exitFailed {
		t.Errorf("it ended with %v", driver.ProcessState)
	}
	waitFor(t, "the shims' end", func() bool { return !errors.Is(syscall.Kill(-group, 0), nil) })
	if entries, err := os.ReadDir(directory); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
