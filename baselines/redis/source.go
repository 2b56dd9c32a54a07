package redis

import (
	"context"
	"fmt"
	"slices"

	"rrbench/baselines/wasi/abi"
	"rrbench/modes"
	"rrbench/payloads"
	"rrbench/transport"
)

// source is what a route sends from.
type source interface {
	// Prepare is as transport.Route has it.
	Prepare(spec payloads.Spec) (digest uint64, err error)
	// Send has the carrier called once with what the server is to get, which does not
	// change until it returns. The error is the carrier's, or tells why it was not called.
	Send() error
	Close() error
}

type carrier func(wire []byte) error

func (r relay) newSource(ctx context.Context, setup transport.Setup, carry carrier) (source, error) {
	if r.way == plainly {
		return &plainSource{carry: carry}, nil
	}
	guest, err := load(ctx, setup, func(region *modes.Region) error { return carry(region.Bytes()) })
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	if !serializes(setup.Codec) {
		return guest, nil
	}
	return &serializer{guest}, nil
}

// load makes a function: of the guest that the setup names, or of the one that serializes.
func load(ctx context.Context, setup transport.Setup, send modes.Sender) (*modes.Function, error) {
	var err error
	if setup.Guest, err = guestOf(setup); err != nil {
		return nil, err
	}
	codec, kind := slices.Index(abi.Codecs, setup.Codec), slices.Index(abi.Kinds, setup.Payload)
	if serializes(setup.Codec) && kind < 0 {
		return nil, fmt.Errorf("payload %q is unknown to guests: use %v", setup.Payload, abi.Kinds)
	}
	if !serializes(setup.Codec) {
		return modes.Load(ctx, setup, send)
	}
	wasm, err := guestModule()
	if err != nil {
		return nil, err
	}
	guest, err := modes.LoadModule(ctx, setup, wasm, send)
	if err != nil {
		return nil, err
	}
	receives := uint64(0)
	if send == nil {
		receives = 1
	}
	if _, err := guest.Call("begin", uint64(codec), uint64(kind), uint64(setup.Size), receives); err != nil {
		_ = guest.Close()
		return nil, err
	}
	return guest, nil
}

// serializer is a guest that sends what it has serialized.
type serializer struct{ *modes.Function }

func (s *serializer) Prepare(spec payloads.Spec) (digest uint64, err error) {
	kind := slices.Index(abi.Kinds, spec.Kind)
	if kind < 0 {
		return 0, fmt.Errorf("payload %q is unknown to guests: use %v", spec.Kind, abi.Kinds)
	}
	if digest, err = s.Function.Prepare(spec); err != nil {
		return 0, err
	}
	_, err = s.Call("object", uint64(kind), spec.Seed)
	return digest, err
}

// plainSource is a buffer.
type plainSource struct {
	carry carrier
	bytes []byte
}

func (s *plainSource) Prepare(spec payloads.Spec) (uint64, error) {
	if spec.Size < 1 {
		return 0, fmt.Errorf("a payload of %d bytes cannot be sent", spec.Size)
	}
	if int64(cap(s.bytes)) < spec.Size {
		s.bytes = make([]byte, spec.Size)
	}
	s.bytes = s.bytes[:spec.Size]
	payloads.Fill(s.bytes, spec.Kind, spec.Seed)
	return payloads.Digest(s.bytes), nil
}

func (s *plainSource) Send() error {
	if s.bytes == nil {
		return fmt.Errorf("nothing was prepared")
	}
	return s.carry(s.bytes)
}

func (s *plainSource) Close() error {
	s.bytes = nil
	return nil
}
