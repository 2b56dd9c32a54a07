package limits

import (
	"context"
	"errors"
	"fmt"

	"rrbench/memory"
	"rrbench/modes/sockets"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// socket is a limit between two processes: the sockets, frames, writers and references of
// Roadrunner's own transports, without the functions.
type socket struct {
	limit
	// network: over TCP, else over a Unix socket.
	network bool
	// like does the same for functions: this needs what that does. It is nil where that is a socket alone.
	like transport.Transport

	// The rest is as for sockets.Transport, where it is set. newRoom makes the memory that is sent
	// from.
	newWriter   func() (stream.Writer, error)
	ring        memory.Waiting
	detach      func(payload []byte) error
	facts       func() map[string]string
	newRoom     func() room
	newReferrer func(from room, processes []int) (sockets.Referrer, error)
	newResolver func(*Receiver) sockets.Resolver
}

func (t *socket) Info() transport.Info {
	info := t.info(transport.SeparateProcesses)
	info.FansIn, info.Across = t.newResolver == nil, t.network
	return info
}

func (t *socket) Check() error {
	if t.network {
		return transport.CheckLoopback(t.name)
	}
	if t.like == nil {
		return nil
	}
	err := t.like.Check()
	if lacking, ok := errors.AsType[*transport.Unavailable](err); ok {
		return &transport.Unavailable{Transport: t.name, Reason: lacking.Reason, Remedy: lacking.Remedy}
	}
	return err
}

func (t *socket) Serve(_ context.Context, setup transport.Setup) (transport.Target, error) {
	if err := transport.CheckPlain(t.name, setup.Codec); err != nil {
		return nil, err
	}
	made, err := NewReceiver(setup)
	if err != nil {
		return nil, fmt.Errorf("%s: target: %w", t.name, err)
	}
	service, end := stream.Service{Receiver: made, Limit: uint64(max(setup.Size, 1)), Deadline: setup.Deadline, Ring: t.ring}, made.Close
	if t.newResolver != nil {
		resolver := t.newResolver(made)
		service.Receiver, end = resolver, resolver.Close
	}
	if t.facts != nil {
		service.Facts = t.facts()
	}
	address := ""
	if t.network {
		address = setup.Listen()
	}
	return stream.Serve(t.name, address, service, end)
}

func (t *socket) Open(ctx context.Context, setup transport.Setup, endpoints []transport.Endpoint) (transport.Route, error) {
	if err := errors.Join(t.Check(), transport.CheckPlain(t.name, setup.Codec)); err != nil {
		return nil, err
	}
	var from room = &buffer{}
	if t.newRoom != nil {
		from = t.newRoom()
	}
	options := sockets.Options{
		FanOptions: stream.FanOptions{Transport: t.name, Deadline: setup.Deadline, Serial: setup.Serial, NewWriter: t.newWriter, Ring: t.ring},
		NewSource:  func(carry sockets.Carrier) (sockets.Source, error) { return newSource(setup, from, carry) },
		Detach:     t.detach,
	}
	if t.newReferrer != nil {
		options.NewReferrer = func(processes []int) (sockets.Referrer, error) { return t.newReferrer(from, processes) }
	}
	route, err := sockets.Open(ctx, endpoints, options)
	if err != nil {
		return nil, err
	}
	return route, nil
}
