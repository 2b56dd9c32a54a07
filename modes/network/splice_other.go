//go:build !linux

package network

import (
	"errors"

	"rrbench/transport/stream"
)

var errNeedsLinux = errors.New("vmsplice needs Linux")

func newSplicing() (stream.Writer, error) { return nil, errNeedsLinux }

func detach([]byte) error { return errNeedsLinux }

func pipeFacts() map[string]string { return nil }
