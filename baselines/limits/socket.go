package limits

import (
	"context"
	"errors"
	"fmt"

	"rrbench/measure"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// socket is a limit over a stream socket: the sockets, frames and settings of Roadrunner's
// own transports, without the functions.
type socket struct {
	name, summary string
	place         int
	listen        func(transport.Setup) (*stream.Listener, error)
	check         func(name string) error
}

var _ transport.Transport = socket{}

// NewUnix is limit/unix: write(2) and read(2) over a Unix stream socket.
func NewUnix() transport.Transport {
	return socket{"limit/unix", "no function: write and read over a Unix stream socket", 3,
		func(transport.Setup) (*stream.Listener, error) { return stream.ListenUnix() },
		func(string) error { return nil }}
}

// NewTCP is limit/tcp: write(2) and read(2) over TCP.
func NewTCP() transport.Transport {
	return socket{"limit/tcp", "no function: write and read over TCP", 4,
		func(setup transport.Setup) (*stream.Listener, error) { return stream.ListenTCP(setup.Listen()) },
		transport.CheckLoopback}
}

func (t socket) Info() transport.Info {
	return transport.Info{
		Name:            t.name,
		Summary:         t.summary,
		Family:          transport.Limit,
		Place:           t.place,
		Hosting:         transport.SeparateProcesses,
		Runs:            transport.NoFunction,
		Codecs:          []transport.Codec{transport.None},
		CopiesPerTarget: 1,
		CopiesAtSource:  1,
	}
}

func (t socket) Check() error { return t.check(t.name) }

func (t socket) Serve(_ context.Context, setup transport.Setup) (transport.Target, error) {
	if err := checkCodec(t.name, setup); err != nil {
		return nil, err
	}
	receiver, err := NewReceiver(setup)
	if err != nil {
		return nil, fmt.Errorf("%s: target: %w", t.name, err)
	}
	target, err := stream.Serve(t.name, func() (*stream.Listener, error) { return t.listen(setup) }, stream.Service{Receiver: receiver, Limit: uint64(max(setup.Size, 1)), Deadline: setup.Deadline}, receiver.Close)
	if err != nil {
		return nil, errors.Join(err, receiver.Close())
	}
	return target, nil
}

// Receiver has payloads read into a warm buffer.
type Receiver struct {
	memory buffer
	length uint64
	writes bool
}

var _ stream.Receiver = (*Receiver)(nil)

// NewReceiver makes one for payloads of at most setup.Size bytes.
func NewReceiver(setup transport.Setup) (*Receiver, error) {
	r := &Receiver{writes: setup.Consume == transport.ConsumeWrite}
	return r, r.memory.resize(max(setup.Size, 1))
}

// Place returns the buffer.
func (r *Receiver) Place(n uint64) ([]byte, error) {
	r.length = n
	return r.memory.bytes[:n], nil
}

// Consume stands for the handler.
func (r *Receiver) Consume(d *transport.Delivery) error {
	d.Digest = handle(r.memory.bytes[:r.length], r.writes)
	return nil
}

// Release does nothing: there is one buffer.
func (r *Receiver) Release() error { return nil }

// Close frees the buffer.
func (r *Receiver) Close() error { return r.memory.free() }

func (t socket) Open(ctx context.Context, setup transport.Setup, endpoints []transport.Endpoint) (transport.Route, error) {
	if err := checkCodec(t.name, setup); err != nil {
		return nil, err
	}
	fan, err := stream.OpenFan(ctx, endpoints, stream.FanOptions{Transport: t.name, Deadline: setup.Deadline, Serial: setup.Serial})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	return &socketRoute{Source: NewSource(setup), name: t.name, fan: fan}, nil
}

type socketRoute struct {
	Source
	name string
	fan  *stream.Fan
}

func (r *socketRoute) Send(handoff *transport.Handoff) error {
	bytes, err := r.Bytes()
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	handoff.Start = measure.Now()
	r.fan.Send(bytes, handoff)
	return nil
}

func (r *socketRoute) Close() error { return errors.Join(r.fan.Close(), r.Source.Close()) }
