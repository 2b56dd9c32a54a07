//go:build !amd64

package memory

import "sync/atomic"

// spinOn looks at a word so many times, at least once, until it is not old, and returns what it is.
func spinOn(word *uint32, old uint32, turns int) (value uint32) {
	for range turns {
		if value = atomic.LoadUint32(word); value != old {
			break
		}
	}
	return value
}
