//go:build race

package wasi

// guestsTested spares the race detector the guest in Go, which takes wazero minutes to
// compile under it. The host, at which the detector looks, is the same for either.
var guestsTested = []string{"http-c"}
