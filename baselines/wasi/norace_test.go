//go:build !race

package wasi

// guestsTested are all: what Go compiles and engines compile again takes its time once,
// then it comes from caches.
var guestsTested = Guests{}.GuestNames()
