//go:build !cgo || !linux || !amd64 || !(wasmer || v8 || wasmedge)

package wasmedge

import "rrbench/engines"

// Check returns the error of an engine that is not built in.
func Check() error { return engines.NotBuilt(Name) }

// New fails as Check does.
func New(string) (engines.Engine, error) { return nil, Check() }
