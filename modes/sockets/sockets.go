// Package sockets is what transports share whose two shims are connected directly, by a stream
// socket: the kernel space and network modes, and baselines that hand over by reference. In
// the modes, A's shim sends a region straight from A's linear memory into the socket, and B's
// reads it straight into B's; they differ in the kind of socket and in how the region gets into
// it.
package sockets

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"rrbench/memory"
	"rrbench/modes"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// Transport is one of the modes.
type Transport struct {
	About transport.Info
	// NewWriter makes the part that puts regions into a connection; nil copies them.
	NewWriter func() (stream.Writer, error)
	// Detach is set when the writer lets the kernel refer to a region's pages. It gives
	// the region other pages with the same content, so that the guest cannot change what
	// is still on its way to a target that was given up.
	Detach func(region []byte) error
	// Ring, when set, has payloads go through a ring beside the socket; it is as for stream.Service.
	Ring memory.Waiting
	// Facts, when set, are part of every endpoint.
	Facts func() map[string]string

	// Probe, when set, says what this machine lacks for the transport, a *transport.Unavailable
	// as a rule.
	Probe func() error
	// NewReferrer, when set, makes the part of a source that sends targets the place of a payload;
	// processes are those of the targets.
	NewReferrer func(source *modes.Function, processes []int) (Referrer, error)
	// NewResolver, when set, makes the part of a target that finds it there.
	NewResolver func(target *modes.Function) Resolver
	// Windowless, when set, says why the source or the target of a set-up is to have no window (package
	// modes), empty where it is to have one. Pages, set with it, is an endpoint's fact of that name, for
	// a target that has a window, or has none for that reason.
	Windowless func(setup transport.Setup, source bool) string
	Pages      func(windowless error) string
}

// Resolver is a receiver that is closed when the function and its memory are gone.
type Resolver interface {
	stream.Resolver
	Close() error
}

var _ transport.Transport = (*Transport)(nil)

func (t *Transport) Info() transport.Info { return t.About }

// Check looks for loopback, and asks the probe.
func (t *Transport) Check() error {
	if t.About.Family == transport.Network {
		if err := transport.CheckLoopback(t.About.Name); err != nil {
			return err
		}
	}
	if t.Probe != nil {
		return t.Probe()
	}
	return nil
}

func (t *Transport) checkSetup(setup transport.Setup) error {
	if err := t.Check(); err != nil {
		return err
	}
	return transport.CheckPlain(t.About.Name, setup.Codec)
}

// Serve makes a fresh function reachable at an address of its own.
func (t *Transport) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	if err := t.checkSetup(setup); err != nil {
		return nil, err
	}
	function, err := t.load(ctx, setup, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: target: %w", t.About.Name, err)
	}
	service := stream.Service{
		Receiver: &modes.Receiver{Function: function},
		Limit:    uint64(max(setup.Size, 0)),
		Deadline: setup.Deadline,
		Ring:     t.Ring,
	}
	if t.Facts != nil {
		service.Facts = maps.Clone(t.Facts())
	}
	if t.Pages != nil {
		service.Facts = map[string]string{"pages": t.Pages(function.Windowless())}
	}
	close := function.Close
	if t.NewResolver != nil {
		resolver := t.NewResolver(function)
		service.Receiver = resolver
		close = func() error { return errors.Join(function.Close(), resolver.Close()) }
	}
	address := ""
	if t.About.Family == transport.Network {
		address = setup.Listen()
	}
	return stream.Serve(t.About.Name, address, service, close)
}

// load makes a function, which is a source where there is a sender.
func (t *Transport) load(ctx context.Context, setup transport.Setup, send modes.Sender) (*modes.Function, error) {
	if t.Windowless == nil {
		return modes.Load(ctx, setup, send)
	}
	return modes.LoadWithWindow(ctx, setup, send, t.Windowless(setup, send != nil))
}

// Open makes a fresh source and connects to every endpoint.
func (t *Transport) Open(ctx context.Context, setup transport.Setup, endpoints []transport.Endpoint) (transport.Route, error) {
	if err := t.checkSetup(setup); err != nil {
		return nil, err
	}
	var function *modes.Function
	options := Options{
		FanOptions: stream.FanOptions{Transport: t.About.Name, Deadline: setup.Deadline, Serial: setup.Serial, NewWriter: t.NewWriter, Ring: t.Ring},
		NewSource: func(carry Carrier) (_ Source, err error) {
			function, err = t.load(ctx, setup, carry.Send)
			if err == nil {
				function.SetLender(&largePages{}) // a referrer may be another one
			}
			return function, err
		},
		Detach: t.Detach,
	}
	if t.NewReferrer != nil {
		options.NewReferrer = func(processes []int) (Referrer, error) { return t.NewReferrer(function, processes) }
	}
	route, err := Open(ctx, endpoints, options)
	if err != nil {
		return nil, err
	}
	return route, nil
}

// largePages has a source's regions consist of large pages where the kernel has some. The kernel
// finds and counts each page that it is lent, which is most of what lending costs, and a large page
// is one of them to MSG_ZEROCOPY. What copies from them has fewer to find, too.
type largePages struct {
	// What was advised last, as the guest sees it.
	pointer, length uint32
}

var _ modes.Lender = (*largePages)(nil)

// BeforeFill gives its advice before the region's pages are first touched, as a rule.
func (l *largePages) BeforeFill(region *modes.Region) {
	if l.pointer != region.Pointer() || l.length != region.Len() {
		l.pointer, l.length = region.Pointer(), region.Len()
		memory.PreferLarge(region.Bytes())
	}
}

// BeforeFree leaves the pages where they are: they are the function's own.
func (*largePages) BeforeFree(*modes.Region) {}
