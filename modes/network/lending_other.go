//go:build !linux

package network

import (
	"errors"

	"rrbench/modes"
	"rrbench/transport/stream"
)

var errNeedsLinux = errors.New("lending pages to TCP needs Linux")

const zerocopyFrom = 0

func newSplicing() (stream.Writer, error) { return nil, errNeedsLinux }

func newReferring() (stream.Writer, error) { return nil, errNeedsLinux }

func newLargePages() modes.Lender { return nil }

func detach([]byte) error { return errNeedsLinux }

func pipeFacts() map[string]string { return nil }

func zerocopyFacts() map[string]string { return nil }

func probeZerocopy() error { return errNeedsLinux }
