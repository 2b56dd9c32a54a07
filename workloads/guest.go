// Package workloads holds the functions that are measured, but for those that belong to one
// baseline. They follow docs/guest-abi.md; the one in C is small and needs no libc. Guests
// are part of the program: build.sh builds them (make guests), those in C are committed.
package workloads

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"rrbench/engines"
	"rrbench/inputs"
)

//go:embed built
var built embed.FS

// Guests lists the names of the built-in guests, the default one first.
func Guests() []string { return []string{"c", "go"} }

// added are the guests of files, by the names that Add was given.
var added sync.Map

// Add makes a guest that is not built in known to this process. The caller must not change the
// bytes any more.
func Add(name string, wasm []byte) { added.Store(name, wasm) }

// Added returns the module of a guest that Add was given.
func Added(name string) (wasm []byte, ok bool) {
	module, ok := added.Load(name)
	if ok {
		wasm = module.([]byte)
	}
	return wasm, ok
}

// Guest returns the WebAssembly module of a guest that is built in or was added. The caller must
// not change the bytes.
func Guest(name string) ([]byte, error) {
	if wasm, ok := Added(name); ok {
		return wasm, nil
	}
	return Built(built, "built", name, Guests())
}

// IsFile reports whether the name of a guest is that of a file.
func IsFile(name string) bool {
	return strings.HasSuffix(name, ".wasm") || strings.ContainsAny(name, `/\`)
}

// ReadFile reads the file of a guest, and refuses what is no module by its first bytes. Its
// reference is a name for Add, made of the file's name and the module's digest.
func ReadFile(ctx context.Context, path string) (file *inputs.File, reference string, err error) {
	// What is longer is refused by every engine.
	module := inputs.Kind{Most: engines.MaxModule, Check: engines.CheckPreamble}
	file, err = module.Read(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", fmt.Errorf("guest %s does not exist: give the path of a .wasm file or one of %s", filepath.Clean(path), strings.Join(Guests(), ", "))
	case err != nil:
		return nil, "", fmt.Errorf("guest %s: %w", filepath.Clean(path), err)
	}
	name := "pipe"
	if !file.Pipe {
		name = strings.Map(func(r rune) rune {
			if r == utf8.RuneError || !unicode.IsPrint(r) {
				return '?'
			}
			return r
		}, filepath.Base(path))
	}
	return file, name + "@" + file.Digest().Short(), nil
}

// Built returns the module of one of a set of guests that build.sh has put into a folder.
func Built(files embed.FS, folder, name string, set []string) ([]byte, error) {
	if !slices.Contains(set, name) {
		return nil, fmt.Errorf("guest %q is unknown: use %s or the path of a .wasm file", name, strings.Join(set, ", "))
	}
	wasm, err := files.ReadFile(folder + "/" + name + ".wasm")
	if err != nil {
		return nil, fmt.Errorf("guest %s is not part of this program: make build", name)
	}
	return wasm, nil
}
