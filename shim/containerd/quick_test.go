//go:build !slow

package containerd

// cycles is how many containers come and go.
const cycles = 20
