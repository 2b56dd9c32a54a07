// Package hostile holds functions that misbehave, for the tests of what runs functions:
// built from c/hostile.c by workloads/build.sh, which names every one of them.
package hostile

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed built/*.wasm
var built embed.FS

// NotWasm is the name of a guest that is no WebAssembly at all.
const NotWasm = "not-wasm"

// Names lists every guest.
func Names() []string {
	names := []string{NotWasm}
	files, _ := fs.Glob(built, "built/*.wasm")
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".wasm"))
	}
	return names
}

// Guest returns the module of that name.
func Guest(t testing.TB, name string) []byte {
	t.Helper()
	if name == NotWasm {
		return []byte("#!/bin/sh\necho no WebAssembly\n")
	}
	wasm, err := built.ReadFile("built/" + name + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// File writes the module of that name into a file that lives as long as the test, and
// returns its path, which transport.Setup takes as a guest.
func File(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".wasm")
	if err := os.WriteFile(path, Guest(t, name), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
