// Package sockets is what the kernel space and network modes share: a shim of A's that sends
// a region straight from A's linear memory into a stream socket, and a shim of B's that
// reads it straight into B's. The transports differ in the kind of socket and in how the
// region gets into it.
package sockets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"

	"rrbench/modes"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// Transport is a transport over stream sockets between the shims of WebAssembly functions.
type Transport struct {
	// Name and Summary are as in transport.Info.
	Name, Summary string
	// Listen makes a target's address.
	Listen func() (*stream.Listener, error)
	// NewWriter makes the part that puts regions into a connection; nil copies them.
	NewWriter func() (stream.Writer, error)
	// Detach is set when the writer lets the kernel refer to a region's pages. It gives
	// the region other pages with the same content, so that the guest cannot change what
	// is still on its way to a target that was given up.
	Detach func(region []byte) error
	// NewLender, when set, makes the lender of a source's regions.
	NewLender func() modes.Lender
	// Facts, when set, are told with every endpoint.
	Facts func() map[string]string

	// Probe, when set, says what this machine lacks for the transport, a *transport.Unavailable
	// as a rule.
	Probe func() error
	// NewReferrer, when set, makes the part of a source that tells targets where a payload is;
	// processes are those of the targets.
	NewReferrer func(source *modes.Function, processes []int) (Referrer, error)
	// NewResolver, when set, makes the part of a target that finds it there.
	NewResolver func(target *modes.Function) Resolver
}

// Referrer lets targets of the same host find payloads without the socket.
type Referrer interface {
	// Refer returns where the targets find a region's payload; false when its bytes are to
	// be sent. The region is leased until Settle has returned.
	Refer(region *modes.Region, payload []byte) (reference stream.Reference, ok bool)
	// Settle is called before the source's guest runs on after a payload was referred to,
	// with the number of targets that hold on to it (stream.Fan.Refer). An error means that
	// the guest must not run on.
	Settle(region *modes.Region, payload []byte, held int) error
	// Released names references that a target has held and holds no longer.
	Released(ids []uint64)
	// Close is called when the function and its memory are gone.
	Close() error
}

// Resolver is a receiver that is closed when the function and its memory are gone.
type Resolver interface {
	stream.Resolver
	Close() error
}

var _ transport.Transport = (*Transport)(nil)

// Info describes the transport.
func (t *Transport) Info() transport.Info {
	return transport.Info{
		Name:            t.Name,
		Summary:         t.Summary,
		Hosting:         transport.Apart,
		Runs:            transport.Wasm,
		Codecs:          []transport.Codec{transport.None},
		CopiesPerTarget: 1,
		CopiesAtSource:  1,
	}
}

// Check tells Linux from others; where an engine runs on Linux, these sockets exist.
func (t *Transport) Check() error {
	if runtime.GOOS == "linux" {
		if t.Probe != nil {
			return t.Probe()
		}
		return nil
	}
	return &transport.Unavailable{Transport: t.Name, Reason: "it needs Linux", Remedy: "run it on a Linux machine"}
}

func (t *Transport) checkSetup(setup transport.Setup) error {
	if err := t.Check(); err != nil {
		return err
	}
	if setup.Codec == transport.None || setup.Codec == "" {
		return nil
	}
	return fmt.Errorf("%s does not serialize: codec %q is not possible, use %q", t.Name, setup.Codec, transport.None)
}

// Serve makes a fresh function reachable at an address of its own.
func (t *Transport) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	if err := t.checkSetup(setup); err != nil {
		return nil, err
	}
	function, err := modes.Load(ctx, setup, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: target: %w", t.Name, err)
	}
	listener, err := t.Listen()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: target: %w", t.Name, err), function.Close())
	}
	endpoint := listener.Endpoint(t.Name)
	if t.Facts != nil {
		endpoint.Facts = maps.Clone(t.Facts())
	}
	served := &target{endpoint: endpoint, listener: listener, function: function}
	var into stream.Receiver = &receiver{function: function}
	if t.NewResolver != nil {
		served.resolver = t.NewResolver(function)
		into = served.resolver
	}
	listener.Serve(stream.Service{
		Receiver: into,
		Limit:    uint64(max(setup.Size, 0)),
		Deadline: setup.Deadline,
	})
	return served, nil
}

// Open makes a fresh source and connects to every endpoint.
func (t *Transport) Open(ctx context.Context, setup transport.Setup, endpoints []transport.Endpoint) (transport.Route, error) {
	if err := t.checkSetup(setup); err != nil {
		return nil, err
	}
	r := &route{name: t.Name, detach: t.Detach}
	var err error
	r.source, err = modes.Load(ctx, setup, r.carry)
	if err != nil {
		return nil, fmt.Errorf("%s: source: %w", t.Name, err)
	}
	if t.NewLender != nil {
		r.source.SetLender(t.NewLender())
	}
	r.fan, err = stream.OpenFan(ctx, endpoints, stream.FanOptions{
		Transport: t.Name,
		Deadline:  setup.Deadline,
		NewWriter: t.NewWriter,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", t.Name, err), r.source.Close())
	}
	if t.NewReferrer != nil {
		if r.referrer, err = t.NewReferrer(r.source, r.fan.Processes()); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: source: %w", t.Name, err), r.Close())
		}
	}
	return r, nil
}
