package limits

import (
	"context"
	"errors"
	"fmt"

	"rrbench/memory"
	"rrbench/modes/kernel"
	"rrbench/modes/network"
	"rrbench/modes/sockets"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// socket is a limit between two processes: the sockets, frames, writers and references of
// Roadrunner's own transports, without the functions.
type socket struct {
	name, summary string
	place         int
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

var _ transport.Transport = (*socket)(nil)

// NewUnix is limit/unix: write(2) and read(2) over a Unix stream socket.
func NewUnix() transport.Transport {
	return &socket{
		name:    "limit/unix",
		summary: "no function: write and read over a Unix stream socket",
		place:   3,
	}
}

// NewDescriptor is limit/descriptor: what kernel/memfd does, less moving pages into and out of
// functions' memories. The receiver reads the payload in its mapping of the sender's file.
func NewDescriptor() transport.Transport {
	return &socket{
		name:        "limit/descriptor",
		summary:     "no function: references to a memory file over a Unix socket, read where it is mapped",
		place:       4,
		like:        kernel.NewMemfd(),
		newRoom:     func() room { return &file{} },
		newReferrer: func(from room, _ []int) (sockets.Referrer, error) { return describe(from.(*file)), nil },
		newResolver: func(r *Receiver) sockets.Resolver { return &mapper{Receiver: r} },
	}
}

// NewCMA is limit/cma: process_vm_readv(2) from one warm buffer into another.
func NewCMA() transport.Transport {
	return &socket{
		name:        "limit/cma",
		summary:     "no function: one process reads another's memory with process_vm_readv",
		place:       5,
		like:        kernel.NewCMA(),
		newReferrer: func(_ room, processes []int) (sockets.Referrer, error) { return kernel.NewRemoteRead(processes) },
		newResolver: func(r *Receiver) sockets.Resolver { return &reader{Receiver: r} },
	}
}

// NewTCP is limit/tcp: write(2) and read(2) over TCP.
func NewTCP() transport.Transport {
	return &socket{
		name:    "limit/tcp",
		summary: "no function: write and read over TCP",
		place:   6,
		network: true,
	}
}

// NewSplice is limit/splice: warm pages go through a pipe to TCP, vmsplice(2) and splice(2).
func NewSplice() transport.Transport {
	return &socket{
		name:      "limit/splice",
		summary:   "no function: warm pages spliced through a pipe to TCP, read as limit/tcp does",
		place:     7,
		network:   true,
		newWriter: network.NewSplicing,
		detach:    network.Detach,
		facts:     network.PipeFacts,
	}
}

// NewRing is limit/ring: a ring in memory that two processes share, in which a receiver sleeps.
func NewRing() transport.Transport {
	return ringLimit("limit/ring", "no function: a ring in shared memory, receivers sleep until something comes", 11, memory.Sleeping)
}

// NewSpin is limit/spin: the same ring, in which a receiver spins.
func NewSpin() transport.Transport {
	return ringLimit("limit/spin", "no function: a ring in shared memory, receivers spin until something comes", 12, memory.Spinning)
}

func ringLimit(name, summary string, place int, waiting memory.Waiting) transport.Transport {
	return &socket{name: name, summary: summary, place: place, like: kernel.NewRing(), ring: waiting}
}

func (t *socket) Info() transport.Info {
	return transport.Info{
		Name:            t.name,
		Summary:         t.summary,
		Family:          transport.Limit,
		Place:           t.place,
		Hosting:         transport.SeparateProcesses,
		FansIn:          t.newResolver == nil,
		Across:          t.network,
		Runs:            transport.NoFunction,
		Codecs:          []transport.Codec{transport.None},
		CopiesPerTarget: 1,
		CopiesAtSource:  1,
	}
}

func (t *socket) Check() error {
	if t.network {
		return transport.CheckLoopback(t.name)
	}
	if t.like == nil {
		return nil
	}
	err := t.like.Check()
	if lacking := (*transport.Unavailable)(nil); errors.As(err, &lacking) {
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
