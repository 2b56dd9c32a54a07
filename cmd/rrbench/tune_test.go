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
	for _, word := range []string{"user/copy", "user/remap", "140KiB", "ratio", "choice", "written: " + path} {
		if !strings.Contains(got.stdout, word) {
			t.Errorf("%q is not in:\n%s", word, got.stdout)
		}
	}
	if _, err := crossovers.Read(path); err != nil {
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

func TestTuneUsage(t *testing.T) {
	taken := t.TempDir()
	for name, test := range map[string]struct {
		arguments []string
		want      []string
	}{
		"transport":   {[]string{"--transports", "user/copy"}, []string{"user/copy", "no crossover", "kernel", "--transports"}},
		"unknown":     {[]string{"--transports", "usr"}, []string{"usr", "--transports"}},
		"engine":      {[]string{"--engines", "v8x"}, []string{"v8x", "--engines"}},
		"a directory": {[]string{"--out", taken}, []string{taken, "--out"}},
		"unwritable":  {[]string{"--out", "/proc/rrbench/x"}, []string{"/proc/rrbench", "--out"}},
		"argument":    {[]string{"now"}, []string{"now", "--help"}},
		"flag":        {[]string{"--sizes", "1MiB"}, []string{"--sizes", "--help"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := rrbench(t, append([]string{"tune"}, test.arguments...)...)
			if got.status != exitUsage || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 {
				t.Fatalf("status %d, stdout %q, stderr %q", got.status, got.stdout, got.stderr)
			}
			for _, word := range test.want {
				if !strings.Contains(got.stderr, word) {
					t.Errorf("%q lacks %q", got.stderr, word)
				}
			}
		})
	}
	if got := rrbench(t, "tune", "--help"); got.status != exitOK || !strings.Contains(got.stdout, "Examples:") || !strings.Contains(got.stdout, crossovers.Variable) {
		t.Errorf("status %d: %s", got.status, got.stdout)
	}
}

// TestCrossoversOfOthers are warned of, or refused where the user has named them; the run
// goes on with what is built in.
func TestCrossoversOfOthers(t *testing.T) {
	directory := t.TempDir()
	foreign, broken := filepath.Join(directory, "foreign.json"), filepath.Join(directory, "broken.json")
	if err := (&crossovers.File{Format: crossovers.Format}).Write(foreign); err != nil {
		t.Fatal(err)
	}
	write(t, broken, "{")
	dry := []string{"sweep", "--dry-run", "--transports", "user", "--sizes", "1MiB"}

	t.Setenv(crossovers.Variable, foreign)
	if got := rrbench(t, dry...); got.status != exitOK || !strings.Contains(got.stdout, "another machine") || !strings.Contains(got.stdout, "crossover 140KiB") {
		t.Errorf("foreign: status %d: %s%s", got.status, got.stdout, got.stderr)
	}
	if got := rrbench(t, "list"); got.status != exitOK || !strings.Contains(got.stderr, "another machine") || !strings.Contains(got.stdout, "built in") {
		t.Errorf("foreign: status %d: %s%s", got.status, got.stdout, got.stderr)
	}
	t.Setenv(crossovers.Variable, broken)
	if got := rrbench(t, dry...); got.status != exitUsage || !strings.Contains(got.stderr, broken) || strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("broken: status %d: %s%s", got.status, got.stdout, got.stderr)
	}
	t.Setenv(crossovers.Variable, "default")
	if got := rrbench(t, append(dry, "--crossover", "much")...); got.status != exitUsage || !strings.Contains(got.stderr, "--crossover") {
		t.Errorf("nonsense: status %d: %s%s", got.status, got.stdout, got.stderr)
	}
	if got := rrbench(t, append(dry, "--crossover", "8KiB")...); got.status != exitOK || !strings.Contains(got.stdout, "crossover 8KiB") {
		t.Errorf("given: status %d: %s%s", got.status, got.stdout, got.stderr)
	}
}
