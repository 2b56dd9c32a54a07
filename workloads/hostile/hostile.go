// Package hostile holds functions that misbehave, for the tests of what runs functions:
// built from c/hostile.c and text/*.wat by workloads/build.sh, which names every one of them.
package hostile

import (
	"embed"
	"os"
	"path/filepath"
	"testing"
)

//go:embed built/*.wasm text/*.wasm
var built embed.FS

// File writes the guest of that name into a file that lives as long as the test, and
// returns its path, which transport.Setup takes as a guest.
func File(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".wasm")
	if err := os.WriteFile(path, guest(t, name), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func guest(t testing.TB, name string) []byte {
	t.Helper()
	if name == "not-wasm" {
		return []byte("#!/bin/sh\necho no WebAssembly\n")
	}
	for _, directory := range []string{"built/", "text/"} {
		if wasm, err := built.ReadFile(directory + name + ".wasm"); err == nil {
			return wasm
		}
	}
	t.Fatalf("no hostile guest is called %s", name)
	return nil
}
