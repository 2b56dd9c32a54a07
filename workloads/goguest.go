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
)

// buildTimeout bounds a build of the Go guest, which compiles the standard library for
// WebAssembly when the machine does it for the first time.
const buildTimeout = 5 * time.Minute

// goModule is the file name of the Go guest wherever it lies.
const goModule = "go.wasm"

// building keeps two goroutines from building the same guest.
var building sync.Mutex

func goGuest() ([]byte, error) {
	building.Lock()
	defer building.Unlock()
	source := sourceTree()
	places := goPlaces(source)
	for _, path := range places {
		if wasm, err := os.ReadFile(path); err == nil {
			return wasm, nil
		}
	}
	if source == "" {
		return nil, fmt.Errorf("guest go is not built: run `make guests` in the source tree, or copy its workloads/built/%s to one of %s", goModule, strings.Join(places, ", "))
	}
	wasm, err := buildGo(source, places)
	if err != nil {
		return nil, fmt.Errorf("guest go is not built and cannot be built now: %w; run `make guests` in %s", err, source)
	}
	return wasm, nil
}

// goPlaces lists where the Go guest may lie, in order of preference.
func goPlaces(source string) []string {
	var places []string
	if source != "" {
		places = append(places, filepath.Join(source, "workloads", "built", goModule))
	}
	if executable, err := os.Executable(); err == nil {
		places = append(places, filepath.Join(filepath.Dir(executable), goModule))
	}
	if cache, err := os.UserCacheDir(); err == nil {
		places = append(places, filepath.Join(cache, "rrbench", "guests", goModule))
	}
	return places
}

// sourceTree returns the checkout that the working directory or the program lies in, or "".
func sourceTree() string {
	var starts []string
	if directory, err := os.Getwd(); err == nil {
		starts = append(starts, directory)
	}
	if executable, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(executable))
	}
	for _, start := range starts {
		for directory := start; ; directory = filepath.Dir(directory) {
			if isSource(directory) {
				return directory
			}
			if directory == filepath.Dir(directory) {
				break
			}
		}
	}
	return ""
}

func isSource(directory string) bool {
	module, err := os.ReadFile(filepath.Join(directory, "go.mod"))
	if err != nil || !strings.HasPrefix(string(module), "module rrbench\n") {
		return false
	}
	_, err = os.Stat(filepath.Join(directory, "workloads", "goguest"))
	return err == nil
}

// buildGo builds the guest into the first of the places that can be written.
func buildGo(source string, places []string) ([]byte, error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return nil, errors.New("the go tool is not on PATH")
	}
	scratch, err := os.MkdirTemp("", "rrbench-guest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	built := filepath.Join(scratch, goModule)
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	// The same command as in build.sh.
	command := exec.CommandContext(ctx, tool, "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", built, "./workloads/goguest")
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
	file, err := os.CreateTemp(filepath.Dir(path), goModule+".")
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
