//go:build race

package transporttest

// Racing says that the race detector is built in, which allocates and takes memory by itself.
const Racing = true
