//go:build slow

package containerd

const cycles = 1000
