// Package hostile holds functions that misbehave, for the tests of what runs functions:
// built from c/hostile.c and text/*.wat by workloads/build.sh, which names every one of them.
package hostile

import (
	"embed"
	"io/fs"
	"path"
	"testing"

	"rrbench/workloads"
)

//go:embed built/*.wasm text/*.wasm
var built embed.FS

// In every process of a test that uses them they are known by the names of their files.
func init() {
	workloads.Add("not-wasm.wasm", []byte("#!/bin/sh\necho no WebAssembly\n"))
	err := fs.WalkDir(built, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		wasm, err := built.ReadFile(file)
		workloads.Add(path.Base(file), wasm)
		return err
	})
	if err != nil {
		panic(err)
	}
}

// Guest returns what transport.Setup takes as the guest of that name.
func Guest(t testing.TB, name string) string {
	t.Helper()
	guest := name + ".wasm"
	if _, ok := workloads.Added(guest); !ok {
		t.Fatalf("no hostile guest is called %s", name)
	}
	return guest
}
