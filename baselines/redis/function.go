package redis

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"

	"rrbench/baselines/limits"
	"rrbench/baselines/wasi/abi"
	"rrbench/measure"
	"rrbench/modes"
	"rrbench/modes/sockets"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/stream"
	"rrbench/workloads"
)

// ends are what payloads go from and to.
type ends interface {
	source(ctx context.Context, setup transport.Setup, carry sockets.Carrier) (sockets.Source, error)
	receiver(ctx context.Context, setup transport.Setup) (receiver, error)
}

type receiver interface {
	stream.Receiver
	Close() error
}

// functions are WebAssembly guests.
type functions struct{}

func (functions) source(ctx context.Context, setup transport.Setup, carry sockets.Carrier) (sockets.Source, error) {
	function, err := load(ctx, setup, carry.Send)
	switch {
	case err != nil:
		return nil, err
	case serializes(setup.Codec):
		return &serializer{function}, nil
	}
	return function, nil
}

func (functions) receiver(ctx context.Context, setup transport.Setup) (receiver, error) {
	function, err := load(ctx, setup, nil)
	if err != nil {
		return nil, err
	}
	into := modes.Receiver{Function: function}
	if serializes(setup.Codec) {
		return &deserializer{into}, nil
	}
	return &into, nil
}

//go:embed guest/built
var built embed.FS

// guestName is the guest that serializes what it sends and deserializes what it gets. It
// follows docs/guest-abi.md and has exports beside, see guest/function.go.
const guestName = "json-go"

func guestModule() ([]byte, error) {
	return workloads.Built(built, "guest/built", guestName, []string{guestName})
}

func serializes(codec transport.Codec) bool {
	return codec == transport.JSON || codec == transport.JSONStd
}

// load makes a function: of the guest that the setup names or, where it serializes, of the one
// that can. The built-in guests, which are the same function, stand for that.
func load(ctx context.Context, setup transport.Setup, send modes.Sender) (*modes.Function, error) {
	if !serializes(setup.Codec) {
		return modes.Load(ctx, setup, send)
	}
	if setup.Guest != "" && setup.Guest != guestName && !slices.Contains(workloads.Guests(), setup.Guest) {
		return nil, fmt.Errorf("guest %s does not serialize: use codec %s, or leave --guest out", setup.Guest, transport.Raw)
	}
	setup.Guest, setup.Origin = guestName, transport.OriginHost
	if setup.Payload == payloads.Text {
		setup.Origin = transport.OriginHeap // guests make no others
	}
	kind, err := abi.Kind(setup.Payload)
	if err != nil {
		return nil, err
	}
	wasm, err := guestModule()
	if err != nil {
		return nil, err
	}
	function, err := modes.LoadModule(ctx, setup, wasm, send)
	if err != nil {
		return nil, err
	}
	role := abi.Bool(send == nil) + 2*abi.Bool(setup.Consume == transport.ConsumeWrite)
	if _, err := function.Call("begin", uint64(slices.Index(abi.Codecs, setup.Codec)), kind, uint64(setup.Size), role); err != nil {
		return nil, errors.Join(err, function.Close())
	}
	return function, nil
}

// serializer is a guest that sends what it has serialized.
type serializer struct{ *modes.Function }

func (s *serializer) Prepare(spec payloads.Spec) error {
	kind, err := abi.Kind(spec.Kind)
	if err != nil {
		return err
	}
	if err := s.Function.Prepare(spec); err != nil {
		return err
	}
	_, err = s.Call("object", kind, spec.Seed)
	return err
}

// deserializer is a guest that deserializes the value before it enters the handler.
type deserializer struct{ modes.Receiver }

func (s *deserializer) Consume(d *transport.Delivery) error {
	if err := s.Receiver.Consume(d); err != nil {
		return err
	}
	d.Timeline.Consumed = measure.Now()
	delivered, err := s.Function.Call("delivered")
	if err != nil {
		return err
	}
	d.Timeline.Delivered = int64(delivered)
	d.Length, err = s.Function.Call("length")
	return err
}

// buffers are warm memory without any function.
type buffers struct{}

func (buffers) source(_ context.Context, setup transport.Setup, carry sockets.Carrier) (sockets.Source, error) {
	return limits.NewSource(setup, carry)
}

func (buffers) receiver(_ context.Context, setup transport.Setup) (receiver, error) {
	return limits.NewReceiver(setup)
}
