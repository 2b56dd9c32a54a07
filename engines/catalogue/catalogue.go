// Package catalogue knows every engine by its name.
package catalogue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rrbench/engines"
	"rrbench/engines/internal/codecache"
	"rrbench/engines/wasmtime"
	"rrbench/engines/wazero"
)

// Options are settings of all engines.
type Options struct {
	// CacheDir is where engines keep the native code of large modules, each in a directory
	// of its own. Empty means rrbench in the user's cache directory.
	CacheDir string
}

// CacheFrom has engines of this process keep the code of modules from so many bytes on: to measure what compiling and
// what loading takes. It is called while no engine compiles.
func CacheFrom(bytes int) { codecache.Worthwhile = bytes }

// catalogue has one line an engine, in display order.
var catalogue = []struct {
	name  string
	check func() error
	open  func(cacheDir string) (engines.Engine, error)
}{
	{wazero.Name, wazero.Check, wazero.New},
	{wasmtime.Name, wasmtime.Check, wasmtime.New},
}

// Names lists every engine, whether it runs here or not, in display order.
func Names() []string {
	names := make([]string, len(catalogue))
	for i, entry := range catalogue {
		names[i] = entry.name
	}
	return names
}

// New makes an engine, which the caller closes. The error is an *engines.Unavailable when
// it cannot run here.
func New(name string, options Options) (engines.Engine, error) {
	place, err := find(name)
	if err != nil {
		return nil, err
	}
	engine, err := catalogue[place].open(options.CacheDir)
	if err != nil {
		return nil, err
	}
	return known{engine}, nil
}

// known is an engine that knows of the others.
type known struct{ engines.Engine }

// Compile says of what the engine lacks which others have it.
func (k known) Compile(ctx context.Context, wasm []byte) (engines.Module, error) {
	module, err := k.Engine.Compile(ctx, wasm)
	if lacking := (*engines.Lacking)(nil); errors.As(err, &lacking) {
		for _, entry := range catalogue {
			other, err := entry.open("")
			if err != nil {
				continue
			}
			if slices.Contains(other.Capabilities().Features, lacking.Feature) {
				lacking.Having = append(lacking.Having, entry.name)
			}
			_ = other.Close()
		}
	}
	return module, err
}

// Check returns nil when the engine can run here, else an *engines.Unavailable.
func Check(name string) error {
	place, err := find(name)
	if err != nil {
		return err
	}
	return catalogue[place].check()
}

func find(name string) (int, error) {
	names := Names()
	place := slices.Index(names, name)
	if place < 0 {
		return 0, fmt.Errorf("unknown engine %q: choose among %s", name, strings.Join(names, ", "))
	}
	return place, nil
}
