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
	"rrbench/engines/v8"
	"rrbench/engines/wasmedge"
	"rrbench/engines/wasmer"
	"rrbench/engines/wasmtime"
	"rrbench/engines/wazero"
)

// Options are settings of all engines.
type Options struct {
	// CacheDir is where engines keep the native code of large modules, each in a directory
	// of its own. Empty means rrbench in the user's cache directory.
	CacheDir string
}

// CacheFrom sets the size in bytes from which on engines of this process keep a module's code, to measure how long
// compiling and loading take. It must not be called while an engine compiles.
func CacheFrom(bytes int) { codecache.Worthwhile = bytes }

type entry struct {
	name  string
	check func() error
	open  func(cacheDir string) (engines.Engine, error)
}

// catalogue has one line an engine, in display order. Those that are not built into this program
// may be in the other one (second.go).
var catalogue = []entry{
	{wazero.Name, wazero.Check, wazero.New},
	{wasmtime.Name, wasmtime.Check, wasmtime.New},
	{wasmer.Name, wasmer.Check, wasmer.New},
	{v8.Name, v8.Check, v8.New},
	{wasmedge.Name, wasmedge.Check, wasmedge.New},
}

// Names lists every engine, whether it runs here or not, in display order.
func Names() []string {
	names := make([]string, len(catalogue))
	for i, entry := range catalogue {
		names[i] = entry.name
	}
	return names
}

// BuiltIn lists those of this program.
func BuiltIn() []string {
	return slices.DeleteFunc(Names(), func(name string) bool {
		one, err := find(name)
		return err == nil && engines.IsNotBuilt(one.check())
	})
}

// New makes an engine, which the caller closes. One that only the second program has compiles
// there, and makes no instances here. The error is an *engines.Unavailable when it cannot run.
func New(name string, options Options) (engines.Engine, error) {
	found, err := find(name)
	if err != nil {
		return nil, err
	}
	engine, err := found.open(options.CacheDir)
	if engines.IsNotBuilt(err) {
		engine, err = second().open(name, err)
	}
	if err != nil {
		return nil, err
	}
	return known{engine}, nil
}

// known is an engine that knows of the others.
type known struct{ engines.Engine }

// Compile adds to an error for a missing feature which other engines have it.
func (k known) Compile(ctx context.Context, wasm []byte) (engines.Module, error) {
	module, err := k.Engine.Compile(ctx, wasm)
	if lacking, ok := errors.AsType[*engines.Lacking](err); ok {
		lacking.Having = nil
		for _, name := range Names() {
			other, err := New(name, Options{})
			if err != nil {
				continue
			}
			if slices.Contains(other.Capabilities().Features, lacking.Feature) {
				lacking.Having = append(lacking.Having, name)
			}
			_ = other.Close()
		}
	}
	return module, err
}

// Check returns nil when the engine can run here, else an *engines.Unavailable.
func Check(name string) error {
	found, err := find(name)
	if err != nil {
		return err
	}
	if err = found.check(); engines.IsNotBuilt(err) {
		_, err = second().open(name, err)
	}
	return err
}

// Program is the path of the program that runs the engine's functions. It is empty for this program, and
// for an engine that neither has.
func Program(name string) string {
	found, err := find(name)
	if err != nil || !engines.IsNotBuilt(found.check()) {
		return ""
	}
	if _, err := second().open(name, errNowhere); err != nil {
		return ""
	}
	return second().path
}

func find(name string) (entry, error) {
	names := Names()
	place := slices.Index(names, name)
	if place < 0 {
		return entry{}, fmt.Errorf("unknown engine %q: choose among %s", name, strings.Join(names, ", "))
	}
	return catalogue[place], nil
}
