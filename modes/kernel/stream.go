// Package kernel holds the transports between functions in two shims of one host: the
// payload goes through the kernel (kernel space mode in section 4 of the Roadrunner paper,
// arXiv 2511.01888).
package kernel

import (
	"rrbench/modes/sockets"
	"rrbench/transport"
)

// NewStream is kernel/stream, the paper's kernel space mode: A's shim writes the region
// straight from A's linear memory to a Unix stream socket, B's shim reads it straight into
// B's. That is two copies, one into the kernel and one out of it.
func NewStream() transport.Transport {
	return &sockets.Transport{
		Name:    "kernel/stream",
		Summary: "two shims, linear memory to linear memory over a Unix stream socket",
		Family:  transport.Kernel,
		Place:   1,
		Limits:  []string{"limit/unix"},
	}
}
