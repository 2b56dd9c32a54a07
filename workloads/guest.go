// Package workloads holds the functions that are measured. Guests in C are small, need no
// libc and are part of the program; those in Go are built from source. The guests c and go
// follow docs/guest-abi.md, and so does json-go; http-go and http-c exchange HTTP by
// themselves and follow package baselines/wasi/abi. build.sh builds them.
package workloads

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rrbench/engines"
)

var (
	//go:embed built/c.wasm
	cFunction []byte
	//go:embed built/http-c.wasm
	cHTTP []byte
)

// Guests lists the names of the built-in guests of Roadrunner, the default one first.
func Guests() []string { return []string{"c", "go"} }

// HTTPGuests lists the names of the built-in guests of http/wasi, the default one first.
func HTTPGuests() []string { return []string{"http-go", "http-c"} }

// JSONGuest is the guest that serializes what it sends and deserializes what it gets. It
// follows docs/guest-abi.md, and has the exports that package baselines/redis calls beside.
const JSONGuest = "json-go"

// Guest returns the WebAssembly module of a built-in guest, or of a file when name ends in
// .wasm or contains a slash. The caller must not change the bytes. Go guests are looked
// for where build.sh puts them in a checkout, beside the program and in the user's cache;
// they are built when there is none but their source and a Go tool. The error says what to
// do.
func Guest(name string) ([]byte, error) {
	switch {
	case name == "c":
		return cFunction, nil
	case name == "http-c":
		return cHTTP, nil
	case name == "go":
		return goFunction.module()
	case name == "http-go":
		return goHTTP.module()
	case name == JSONGuest:
		return goJSON.module()
	case strings.HasSuffix(name, ".wasm") || strings.ContainsAny(name, `/\`):
		return readGuest(name)
	}
	return nil, fmt.Errorf("guest %q is unknown: use %s or the path of a .wasm file", name, strings.Join(slices.Concat(Guests(), HTTPGuests()), ", "))
}

func readGuest(path string) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("guest %s does not exist: give the path of a .wasm file or one of %s", filepath.Clean(path), strings.Join(slices.Concat(Guests(), HTTPGuests()), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("guest cannot be read: %w", err)
	}
	defer file.Close()
	// What is longer is refused by every engine.
	wasm, err := io.ReadAll(io.LimitReader(file, engines.MaxModule+1))
	if err != nil {
		return nil, fmt.Errorf("guest cannot be read: %w", err)
	}
	return wasm, nil
}
