//go:build !cgo || !linux || wasmer

package wasmtime

import "rrbench/engines"

// Check returns the error of an engine that is not built in.
func Check() error {
	return &engines.Unavailable{
		Engine: Name,
		Reason: "this program was built without cgo, or with wasmer, whose C functions have the same names",
		Remedy: "build it with CGO_ENABLED=1 and a C compiler, and wasmer into another program",
	}
}

// New fails as Check does.
func New(string) (engines.Engine, error) { return nil, Check() }
