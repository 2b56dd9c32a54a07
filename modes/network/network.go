// Package network holds the transports between functions on two hosts (network mode in
// section 4 of the Roadrunner paper, arXiv 2511.01888). They run between two shims of one
// host as well, over loopback.
package network

import (
	"rrbench/modes"
	"rrbench/modes/sockets"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// NewStream is network/stream, the control for the others: A's shim writes the region from
// A's linear memory to TCP, B's shim reads it straight into B's.
func NewStream() transport.Transport {
	return &sockets.Transport{
		About: modes.Info("network/stream", "two shims, linear memory to linear memory, write to TCP", transport.Network, 3, "limit/tcp"),
	}
}

// NewSplice is network/splice, the paper's network mode: the pages of the region are put
// into a pipe (vmsplice(2)) and moved from it to TCP (splice(2)), so that nothing is
// copied at the source. The kernel reads the pages until B has acknowledged them; the
// region is leased until then.
func NewSplice() transport.Transport {
	return &sockets.Transport{
		About:     modes.Info("network/splice", "two shims, A's pages spliced through a pipe to TCP, read into B's linear memory", transport.Network, 1, "limit/splice"),
		NewWriter: NewSplicing,
		Detach:    Detach,
		Facts:     PipeFacts,
	}
}

// NewZerocopy is network/zerocopy: TCP sends from the pages of the region (MSG_ZEROCOPY,
// Documentation/networking/msg_zerocopy.rst). The region is leased until B has acknowledged
// and the kernel has notified that it is done with the pages. Payloads that are shorter than
// 32 KiB are copied. Where the receiver is on the same host, the kernel copies the bytes
// after all; the endpoint's facts say so.
func NewZerocopy() transport.Transport {
	return &sockets.Transport{
		About:     modes.Info(zerocopyName, "two shims, TCP sends A's pages themselves (MSG_ZEROCOPY), read into B's linear memory", transport.Network, 2, "limit/tcp"),
		NewWriter: choose(zerocopyFrom, func() (stream.Writer, error) { return &referring{}, nil }),
		Detach:    Detach,
		Facts:     zerocopyFacts,
		Probe:     probeZerocopy,
	}
}

const zerocopyName = "network/zerocopy"

// DefaultCrossover is the payload size in bytes from which on lending pages to TCP takes no
// more time than copying into it does, until B has read the payload. Two runs of rrbench tune
// on a virtual machine of two processors found, on wazero and wasmtime, 0.98 to 1.08 times the
// time of copying at 128 KiB, 0.98 to 1.00 here and 0.85 to 0.95 at 1 MiB.
const DefaultCrossover = 192 << 10

// NewAdaptive is network: payloads of at least crossover bytes go as network/splice has
// them, smaller ones as network/stream.
func NewAdaptive(crossover int64) transport.Transport {
	return &sockets.Transport{
		About:     modes.Info("network", "two shims, TCP copies small payloads and is lent the pages of large ones", transport.Network, 4, "limit/tcp", "limit/splice"),
		NewWriter: choose(crossover, NewSplicing),
		Detach:    Detach,
		Facts:     PipeFacts,
	}
}

// choosing writes payloads of at least crossover bytes by one writer and others by another, into the
// same connection.
type choosing struct {
	small, large stream.Writer
	crossover    int64
}

var _ stream.Awaiter = (*choosing)(nil)

// choose makes writers that copy small payloads, and write large ones as those that large makes.
func choose(crossover int64, large func() (stream.Writer, error)) func() (stream.Writer, error) {
	return func() (stream.Writer, error) {
		w, err := large()
		if err != nil {
			return nil, err
		}
		return &choosing{stream.NewCopying(), w, crossover}, nil
	}
}

func (c *choosing) Write(socket int, header, payload []byte, until int64) error {
	if int64(len(payload)) < c.crossover {
		return c.small.Write(socket, header, payload, until)
	}
	return c.large.Write(socket, header, payload, until)
}

func (c *choosing) AwaitCompletion(socket int, until int64) error {
	if awaiter, ok := c.large.(stream.Awaiter); ok {
		return awaiter.AwaitCompletion(socket, until)
	}
	return nil
}

func (c *choosing) Close() error { return c.large.Close() }
