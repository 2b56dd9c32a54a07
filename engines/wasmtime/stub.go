//go:build !cgo

package wasmtime

import "rrbench/engines"

// Check says that this program was built without the engine.
func Check() error {
	return &engines.Unavailable{
		Engine: Name,
		Reason: "this program was built without cgo",
		Remedy: "build it with CGO_ENABLED=1 and a C compiler",
	}
}

// New fails as Check does.
func New(string) (engines.Engine, error) { return nil, Check() }
