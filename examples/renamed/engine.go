// Package renamed is an example of an engine: wazero under another name. CONTRIBUTING.md says
// how one joins the catalogue; package engines has the contract, engines/wazero one that is
// written out.
package renamed

import (
	"context"
	"errors"
	"fmt"

	"rrbench/engines"
	"rrbench/engines/wazero"
)

// Name is the engine's name on the command line and in results.
const Name = "renamed"

// engine inherits what it does not change.
type engine struct{ engines.Engine }

// Check returns nil when the engine can run here, else an *engines.Unavailable.
func Check() error {
	err := wazero.Check()
	if missing := (*engines.Unavailable)(nil); errors.As(err, &missing) {
		return &engines.Unavailable{Engine: Name, Reason: missing.Reason, Remedy: missing.Remedy}
	}
	return err
}

// New makes an engine that keeps compiled code below cacheDir.
func New(cacheDir string) (engines.Engine, error) {
	if err := Check(); err != nil {
		return nil, err
	}
	inner, err := wazero.New(cacheDir)
	if err != nil {
		return nil, err
	}
	return engine{inner}, nil
}

func (engine) Name() string { return Name }

// Compile names the engine in its errors.
func (e engine) Compile(ctx context.Context, wasm []byte) (engines.Module, error) {
	module, err := e.Engine.Compile(ctx, wasm)
	if err != nil {
		return nil, fmt.Errorf("engine %s: %w", Name, err)
	}
	return module, nil
}
