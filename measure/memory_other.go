//go:build !linux

package measure

import "errors"

var errNeedsLinux = errors.New("counters of processes and memory need Linux's /proc")

// ResetPeaks needs Linux.
func ResetPeaks() error { return errNeedsLinux }

// SelfMemory needs Linux.
func SelfMemory() (Memory, error) { return Memory{}, errNeedsLinux }

// AvailableMemory needs Linux.
func AvailableMemory() (int64, error) { return 0, errNeedsLinux }
