package memory

// spinOn looks at a word so many times, at least once, until it is not old, and returns what it is.
//
//go:noescape
func spinOn(word *uint32, old uint32, turns int) uint32
