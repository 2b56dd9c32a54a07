//go:build !race

package wasi

import "rrbench/workloads"

// guestsTested are all: what Go compiles and engines compile again takes its time once,
// then it comes from caches.
var guestsTested = workloads.HTTPGuests()
