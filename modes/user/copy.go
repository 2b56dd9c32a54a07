// Package user holds the transports between functions of one shim: the payload goes from
// one linear memory to the other without leaving the process (user space mode in section
// 4 of the Roadrunner paper, arXiv 2511.01888).
package user

import (
	"context"
	"fmt"

	"rrbench/modes"
	"rrbench/transport"
)

// copyName is the transport's name on the command line and in results.
const copyName = "user/copy"

type copying struct{}

var _ transport.Transport = copying{}

// NewCopy is user/copy, the paper's user space mode: the shim copies the payload once,
// from A's linear memory into a region that it has B allocate.
func NewCopy() transport.Transport { return copying{} }

func (copying) Info() transport.Info {
	return transport.Info{
		Name:            copyName,
		Summary:         "one shim, A's linear memory copied into B's, once",
		Hosting:         transport.Together,
		Runs:            transport.Wasm,
		Codecs:          []transport.Codec{transport.None},
		CopiesPerTarget: 1,
		CopiesAtSource:  1,
	}
}

// Check has nothing to find: where an engine runs, memory can be copied.
func (copying) Check() error { return nil }

// Serve makes a fresh function of this process reachable.
func (copying) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	if err := checkCodec(setup); err != nil {
		return nil, err
	}
	function, err := modes.Load(ctx, setup, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: target: %w", copyName, err)
	}
	return targets.add(function), nil
}

// Open makes a fresh source and a route to targets that were served in this process. The
// deadline of the set-up cannot be kept: a guest that runs in the same process cannot be
// interrupted, so whoever waits for the route must bound that.
func (copying) Open(ctx context.Context, setup transport.Setup, endpoints []transport.Endpoint) (transport.Route, error) {
	if err := checkCodec(setup); err != nil {
		return nil, err
	}
	found, err := targets.find(endpoints)
	if err != nil {
		return nil, err
	}
	r := &route{targets: found}
	r.source, err = modes.Load(ctx, setup, r.carry)
	if err != nil {
		return nil, fmt.Errorf("%s: source: %w", copyName, err)
	}
	r.startCarriers()
	return r, nil
}

func checkCodec(setup transport.Setup) error {
	if setup.Codec == transport.None || setup.Codec == "" {
		return nil
	}
	return fmt.Errorf("%s does not serialize: codec %q is not possible, use %q", copyName, setup.Codec, transport.None)
}
