package workloads

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"rrbench/private"
)

// buildTimeout bounds a build of a Go guest, which compiles the standard library for
// WebAssembly when the machine does it for the first time.
const buildTimeout = 5 * time.Minute

// goGuest is a guest that is built from Go.
type goGuest struct {
	name string
	// source is its folder beside this file.
	source string
}

// Go guests. build.sh knows them too.
var (
	goFunction = goGuest{"go", "goguest"}
	goHTTP     = goGuest{"http-go", "httpguest"}
	goJSON     = goGuest{"json-go", "jsonguest"}
)

// file is the name of the guest's module wherever it lies.
func (g goGuest) file() string { return g.name + ".wasm" }

// building keeps two goroutines from building the same guest.
var building sync.Mutex

func (g goGuest) module() ([]byte, error) {
	building.Lock()
	defer building.Unlock()
	source := g.tree()
	places := g.places(source)
	for _, path := range places {
		if wasm, err := os.ReadFile(path); err == nil {
			return wasm, nil
		}
	}
	if source == "" {
		return nil, fmt.Errorf("guest %s is not built: run `make guests` in the source tree, or copy its workloads/built/%s to one of %s", g.name, g.file(), strings.Join(places, ", "))
	}
	wasm, err := g.build(source, places)
	if err != nil {
		return nil, fmt.Errorf("guest %s is not built and cannot be built now: %w; run `make guests` in %s", g.name, err, source)
	}
	return wasm, nil
}

// places lists where the guest may lie, in order of preference.
func (g goGuest) places(source string) []string {
	var places []string
	if source != "" {
		places = append(places, filepath.Join(source, "workloads", "built", g.file()))
	}
	if executable, err := os.Executable(); err == nil {
		places = append(places, filepath.Join(filepath.Dir(executable), g.file()))
	}
	if cache, err := os.UserCacheDir(); err == nil {
		if guests := filepath.Join(cache, "rrbench", "guests"); private.Make(guests) == nil {
			places = append(places, filepath.Join(guests, g.file()))
		}
	}
	return places
}

// tree returns the checkout that the working directory or the program lies in, or "".
func (g goGuest) tree() string {
	var starts []string
	if directory, err := os.Getwd(); err == nil {
		starts = append(starts, directory)
	}
	if executable, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(executable))
	}
	for _, start := range starts {
		for directory := start; ; directory = filepath.Dir(directory) {
			if g.liesIn(directory) {
				return directory
			}
			if directory == filepath.Dir(directory) {
				break
			}
		}
	}
	return ""
}

func (g goGuest) liesIn(directory string) bool {
	module, err := os.ReadFile(filepath.Join(directory, "go.mod"))
	if err != nil || !strings.HasPrefix(string(module), "module rrbench\n") {
		return false
	}
	_, err = os.Stat(filepath.Join(directory, "workloads", g.source))
	return err == nil
}

// build builds the guest into the first of the places that can be written.
func (g goGuest) build(source string, places []string) ([]byte, error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return nil, errors.New("the go tool is not on PATH")
	}
	scratch, err := os.MkdirTemp("", "rrbench-guest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	built := filepath.Join(scratch, g.file())
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	// The same command as in build.sh.
	command := exec.CommandContext(ctx, tool, "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", built, "./workloads/"+g.source)
	command.Dir = source
	command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if output, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, firstLine(output))
	}
	wasm, err := os.ReadFile(built)
	if err != nil {
		return nil, err
	}
	for _, path := range places {
		if store(path, wasm) == nil {
			break
		}
	}
	return wasm, nil
}

// store writes a file that others either see whole or not at all.
func store(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(0o644), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
	}
	return err
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line
}
