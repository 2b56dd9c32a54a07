package limits

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// socket is a limit over a stream socket: the sockets, frames and settings of Roadrunner's
// own transports, without the functions.
type socket struct {
	name, summary string
	listen        func() (*stream.Listener, error)
}

var _ transport.Transport = socket{}

// NewUnix is limit/unix: write(2) and read(2) over a Unix stream socket.
func NewUnix() transport.Transport {
	return socket{"limit/unix", "no function: write and read over a Unix stream socket", stream.ListenUnix}
}

// NewTCP is limit/tcp: write(2) and read(2) over TCP.
func NewTCP() transport.Transport {
	return socket{"limit/tcp", "no function: write and read over TCP", listenLoopback}
}

func listenLoopback() (*stream.Listener, error) { return stream.ListenTCP("127.0.0.1:0") }

func (t socket) Info() transport.Info {
	return transport.Info{
		Name:            t.name,
		Summary:         t.summary,
		Hosting:         transport.Apart,
		Runs:            transport.Nothing,
		Codecs:          []transport.Codec{transport.None},
		CopiesPerTarget: 1,
		CopiesAtSource:  1,
	}
}

func (t socket) Check() error {
	if runtime.GOOS == "linux" {
		return nil
	}
	return &transport.Unavailable{Transport: t.name, Reason: "it needs Linux", Remedy: "run it on a Linux machine"}
}

func (t socket) Serve(_ context.Context, setup transport.Setup) (transport.Target, error) {
	if err := checkCodec(t.name, setup); err != nil {
		return nil, err
	}
	target := &socketTarget{name: t.name}
	if err := target.memory.resize(max(setup.Size, 1)); err != nil {
		return nil, fmt.Errorf("%s: target: %w", t.name, err)
	}
	listener, err := t.listen()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: target: %w", t.name, err), target.memory.free())
	}
	target.listener = listener
	listener.Serve(stream.Service{Receiver: target, Limit: uint64(len(target.memory.bytes)), Deadline: setup.Deadline})
	return target, nil
}

// socketTarget reads payloads into a buffer.
type socketTarget struct {
	name     string
	listener *stream.Listener
	memory   buffer
	length   uint64
}

func (t *socketTarget) Endpoint() transport.Endpoint { return t.listener.Endpoint(t.name) }

func (t *socketTarget) Close() error {
	if err := t.listener.Close(); err != nil {
		return err // the buffer is still in use
	}
	return t.memory.free()
}

func (t *socketTarget) Place(n uint64) ([]byte, error) {
	t.length = n
	return t.memory.bytes[:n], nil
}

func (t *socketTarget) Consume() (uint64, error) {
	return payloads.Digest(t.memory.bytes[:t.length]), nil
}

func (t *socketTarget) Release() error { return nil }

func (t socket) Open(ctx context.Context, setup transport.Setup, endpoints []transport.Endpoint) (transport.Route, error) {
	if err := checkCodec(t.name, setup); err != nil {
		return nil, err
	}
	fan, err := stream.OpenFan(ctx, endpoints, stream.FanOptions{Transport: t.name, Deadline: setup.Deadline})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	return &socketRoute{name: t.name, fan: fan}, nil
}

type socketRoute struct {
	source
	name string
	fan  *stream.Fan
}

func (r *socketRoute) Send(handoff *transport.Handoff) error {
	if r.memory.bytes == nil {
		return fmt.Errorf("%s: nothing was prepared", r.name)
	}
	handoff.Start = measure.Now()
	r.fan.Send(r.memory.bytes, handoff)
	return nil
}

func (r *socketRoute) Close() error { return errors.Join(r.fan.Close(), r.memory.free()) }
