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

	"rrbench/tune/crossovers"
)

// TestTune measures, and has a sweep use what was found.
func TestTune(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	path := filepath.Join(home, "rrbench", "crossovers.json")
	got := rrbench(t, "tune", "--transports", "user", "--engines", "wazero")
	if got.status != exitOK {
		t.Fatalf("status %d: %s", got.status, got.stderr)
	}
	for _, word := range []string{"user/copy", "user/remap", "2MiB", "ratio", "choice", "written: " + path} {
		if !strings.Contains(got.stdout, word) {
			t.Errorf("%q is not in:\n%s", word, got.stdout)
		}
	}
	if _, _, err := crossovers.Read(t.Context(), path); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"list", "doctor"} {
		if got := rrbench(t, name); !strings.Contains(joined(got.stdout), "measured on") {
			t.Errorf("%s does not say so:\n%s", name, got.stdout)
		}
	}
	if got := rrbench(t, "sweep", "--dry-run", "--transports", "user", "--sizes", "1MiB"); !strings.Contains(got.stdout, "crossovers: measured on") {
		t.Errorf("status %d: %s%s", got.status, got.stdout, got.stderr)
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
