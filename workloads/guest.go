// Package workloads holds the functions that are measured, but for those that belong to one
// baseline. They follow docs/guest-abi.md; the one in C is small and needs no libc. Guests
// are part of the program: build.sh builds them (make guests), those in C are committed.
package workloads

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rrbench/engines"
)

//go:embed built
var built embed.FS

// Guests lists the names of the built-in guests, the default one first.
func Guests() []string { return []string{"c", "go"} }

// Guest returns the WebAssembly module of a built-in guest, or of a file when name ends in
// .wasm or contains a slash. The caller must not change the bytes.
func Guest(name string) ([]byte, error) {
	if strings.HasSuffix(name, ".wasm") || strings.ContainsAny(name, `/\`) {
		return readGuest(name)
	}
	return Built(built, "built", name, Guests())
}

// Built returns the module of one of a set of guests that build.sh has put into a folder.
func Built(files embed.FS, folder, name string, set []string) ([]byte, error) {
	for _, known := range set {
		if name != known {
			continue
		}
		wasm, err := files.ReadFile(folder + "/" + name + ".wasm")
		if err != nil {
			return nil, fmt.Errorf("guest %s is not part of this program: make build", name)
		}
		return wasm, nil
	}
	return nil, fmt.Errorf("guest %q is unknown: use %s or the path of a .wasm file", name, strings.Join(set, ", "))
}

func readGuest(path string) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("guest %s does not exist: give the path of a .wasm file or one of %s", filepath.Clean(path), strings.Join(Guests(), ", "))
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
