//go:build !linux

package container

import (
	"context"
	"errors"
	"runtime"

	"rrbench/transport"
)

func (c containers) Check() error {
	return unavailable(errors.New("containers need Linux, this is "+runtime.GOOS), "measure on Linux")
}

func (c containers) Serve(context.Context, transport.Setup) (transport.Target, error) {
	return nil, c.Check()
}

func (c containers) Open(context.Context, transport.Setup, []transport.Endpoint) (transport.Route, error) {
	return nil, c.Check()
}

// Leftovers names what killed runs have left behind: nothing, where there are no containers.
func Leftovers() []string { return nil }

// Clean removes what Leftovers names.
func Clean() error { return nil }
