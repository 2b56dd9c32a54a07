//go:build !linux

package measure

import "time"

// calibrate counts from the process' start: without Linux's shared CLOCK_MONOTONIC,
// moments can be compared within one process only.
func calibrate() (epoch time.Time, epochNs, bound int64) { return time.Now(), 0, 0 }

// readMachine needs Linux: elsewhere a manifest holds what Go itself knows.
func readMachine(*Environment) {}

// Tick needs Linux; elsewhere it is unknown.
func Tick() int64 { return 0 }
