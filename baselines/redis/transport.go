package redis

import (
	"fmt"
	"os/exec"

	"rrbench/payloads"
	"rrbench/transport"
)

// Network is how the clients reach the server.
type Network string

const (
	Unix Network = "unix"
	// TCP is loopback.
	TCP Network = "tcp"
)

// valueLimit is the longest value that Redis holds, in bytes: proto-max-bulk-len.
const valueLimit = 512 << 20

// New is the transport redis: SET and GET.
func New(network Network) transport.Transport { return relay{"redis", network, false} }

// NewPubSub is the transport redis/pubsub: PUBLISH to subscribers.
func NewPubSub(network Network) transport.Transport { return relay{"redis/pubsub", network, true} }

type relay struct {
	name    string
	network Network
	// publish instead of setting.
	publish bool
}

// Info implements transport.Transport.
func (r relay) Info() transport.Info {
	info := transport.Info{
		Name:    r.name,
		Summary: "A's shim SETs into a redis-server, B's shim GETs, straight from and into linear memory",
		Hosting: transport.Apart,
		Runs:    transport.Wasm,
		Codecs:  []transport.Codec{transport.Raw},
		// The server's reply, and the function's memory.
		CopiesPerTarget: 2,
		// The function's memory, and the server's value.
		CopiesAtSource: 2,
	}
	if r.publish {
		info.Summary = "A's shim PUBLISHes to a redis-server, B's shim has SUBSCRIBEd, as CWASI does"
		// The message in the shim, too.
		info.CopiesPerTarget = 3
	}
	return info
}

// Check implements transport.Transport.
func (r relay) Check() error {
	if !canEndWithParent {
		return &transport.Unavailable{Transport: r.name, Reason: "its server could outlive it on this operating system", Remedy: "run it on Linux"}
	}
	if _, err := exec.LookPath(program); err != nil {
		return &transport.Unavailable{Transport: r.name, Reason: "there is no redis-server on PATH", Remedy: "apt-get install redis-server"}
	}
	return nil
}

// checkSetup refuses what Redis cannot hold before anything is started.
func (r relay) checkSetup(setup transport.Setup) error {
	if err := r.Check(); err != nil {
		return err
	}
	if setup.Codec != transport.Raw {
		return fmt.Errorf("%s: codec %q is not possible, use %q", r.name, setup.Codec, transport.Raw)
	}
	return r.checkSize(setup.Size)
}

func (r relay) checkSize(size int64) error {
	if size < 1 {
		return fmt.Errorf("%s: a payload of %d bytes: it must have at least one", r.name, size)
	}
	if size > valueLimit {
		return fmt.Errorf("%s: a payload of %s is more than a Redis value holds: use at most %s", r.name, payloads.FormatSize(size), payloads.FormatSize(valueLimit))
	}
	return nil
}
