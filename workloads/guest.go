// Package workloads holds the functions that are measured. The C guest is small, needs
// neither libc nor WASI and is part of the program; the Go guest is built from source. Both
// follow docs/guest-abi.md. build.sh builds them.
package workloads

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed built/c.wasm
var cGuest []byte

// Guests lists the names of the built-in guests, the default one first.
func Guests() []string { return []string{"c", "go"} }

// Guest returns the WebAssembly module of a built-in guest, or of a file when name ends in
// .wasm or contains a slash. The caller must not change the bytes. The Go guest is looked
// for where build.sh puts it in a checkout, beside the program and in the user's cache; it
// is built when there is none but its source and a Go tool. The error says what to do.
func Guest(name string) ([]byte, error) {
	switch {
	case name == "c":
		return cGuest, nil
	case name == "go":
		return goGuest()
	case strings.HasSuffix(name, ".wasm") || strings.ContainsAny(name, `/\`):
		return readGuest(name)
	}
	return nil, fmt.Errorf("guest %q is unknown: use %s or the path of a .wasm file", name, strings.Join(Guests(), ", "))
}

func readGuest(path string) ([]byte, error) {
	wasm, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("guest %s does not exist: give the path of a .wasm file or one of %s", filepath.Clean(path), strings.Join(Guests(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("guest cannot be read: %w", err)
	}
	return wasm, nil
}
