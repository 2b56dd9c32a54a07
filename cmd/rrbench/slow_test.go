//go:build slow

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"rrbench/tune/crossovers"
)

// kills is how many runs are killed at a random moment.
const kills = 50

// TestTune measures, and has a sweep use what was found.
func TestTune(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	path := filepath.Join(home, "rrbench", "crossovers.json")
	got := rrbench(t, "tune", "--transports", "user", "--engines", "wazero")
	if got.status != exitOK {
		t.Fatalf("status %d: %s", got.status, got.stderr)
	}
	for _, word := range []string{"user/copy", "user/memfd", "32KiB", "ratio", "choice", "written: " + path} {
		if !strings.Contains(got.stdout, word) {
			t.Errorf("%q is not in:\n%s", word, got.stdout)
		}
	}
	if _, _, err := crossovers.Read(t.Context(), path); err != nil {
		t.Error(err)
	}
	if got := rrbench(t, "sweep", "--dry-run", "--transports", "user", "--sizes", "1MiB"); !strings.Contains(got.stdout, "crossovers: measured on") {
		t.Errorf("status %d: %s%s", got.status, got.stdout, got.stderr)
	}
}
