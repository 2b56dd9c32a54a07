package redis

import (
	"context"
	"embed"
	"errors"
	"slices"

	"rrbench/baselines/limits"
	"rrbench/baselines/wasi/abi"
	"rrbench/measure"
	"rrbench/modes"
	"rrbench/transport"
	"rrbench/transport/stream"
	"rrbench/workloads"
)

//go:embed guest/built
var built embed.FS

// guestName is the guest that serializes what it sends and deserializes what it gets.
const guestName = "json-go"

type receiver interface {
	stream.Receiver
	Close() error
}

func (t through) receiver(ctx context.Context, setup transport.Setup) (receiver, error) {
	if t.info.Runs == transport.NoFunction {
		return limits.NewReceiver(setup)
	}
	function, err := t.load(ctx, setup, nil)
	if err == nil && setup.Codec.Serializes() {
		return &deserializer{modes.Receiver{Function: function}}, nil
	}
	return &modes.Receiver{Function: function}, err
}

// load makes a function: of the guest that the setup names or, where it serializes, of the one
// that can.
func (t through) load(ctx context.Context, setup transport.Setup, send modes.Sender) (_ *modes.Function, err error) {
	if !setup.Codec.Serializes() {
		return modes.Load(ctx, setup, send)
	}
	setup.Guest, err = modes.GuestOf(t.info, setup.Codec, setup.Guest)
	kind, unknown := abi.Kind(setup.Payload)
	wasm, missing := workloads.Built(built, "guest/built", guestName, []string{guestName})
	if err := errors.Join(err, unknown, missing); err != nil {
		return nil, err
	}
	setup.Origin = transport.OriginHeap
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

// deserializer is a guest that deserializes the value before it enters the handler.
type deserializer struct{ modes.Receiver }

func (s *deserializer) Consume(d *transport.Delivery) error {
	if err := s.Receiver.Consume(d); err != nil {
		return err
	}
	d.Timeline.Consumed = measure.Now()
	delivered, err := s.Function.Call("delivered")
	if err == nil {
		d.Timeline.Delivered = int64(delivered)
		d.Length, err = s.Function.Call("length")
	}
	return err
}
