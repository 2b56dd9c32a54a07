//go:build !cgo || !linux || !amd64 || !v8

package v8

import "rrbench/engines"

// Check says that this program was built without the engine.
func Check() error { return engines.NotBuilt(Name) }

// New fails as Check does.
func New(string) (engines.Engine, error) { return nil, Check() }
