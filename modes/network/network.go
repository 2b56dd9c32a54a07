// Package network holds the transports between functions on two hosts (network mode in
// section 4 of the Roadrunner paper, arXiv 2511.01888). They run between two shims of one
// host as well, over loopback.
package network

import (
	"rrbench/modes/internal/relay"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// NewStream is network/stream, the control for the others: A's shim writes the region from
// A's linear memory to TCP, B's shim reads it straight into B's.
func NewStream() transport.Transport {
	return &relay.Transport{
		Name:    "network/stream",
		Summary: "two shims, linear memory to linear memory, write to TCP",
		Listen:  listen,
	}
}

// NewSplice is network/splice, the paper's network mode: the pages of the region are put
// into a pipe (vmsplice(2)) and moved from it to TCP (splice(2)), so that nothing is
// copied at the source. The kernel reads the pages until B has acknowledged them; the
// region is leased until then.
func NewSplice() transport.Transport {
	return &relay.Transport{
		Name:      "network/splice",
		Summary:   "two shims, A's pages spliced through a pipe to TCP, read into B's linear memory",
		Listen:    listen,
		NewWriter: newSplicing,
		Detach:    detach,
		Facts:     pipeFacts,
	}
}

func listen() (*stream.Listener, error) { return stream.ListenTCP("127.0.0.1:0") }
