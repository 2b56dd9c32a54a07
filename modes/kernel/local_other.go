//go:build !linux

package kernel

import (
	"errors"

	"rrbench/modes"
	"rrbench/modes/sockets"
)

// The transports say in their Check that they need Linux before any of this is called.
var errNeedsLinux = errors.New("sharing memory between shims needs Linux")

func probeMapping() error { return errNeedsLinux }
func probeReading() error { return errNeedsLinux }

func newLending(int) func(*modes.Function, []int) (sockets.Referrer, error)  { return refuse }
func newPointing(int) func(*modes.Function, []int) (sockets.Referrer, error) { return refuse }

func refuse(*modes.Function, []int) (sockets.Referrer, error) { return nil, errNeedsLinux }

func newResolver(*modes.Function) sockets.Resolver { return nil }
