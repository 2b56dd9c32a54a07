package redis

import (
	"context"
	"errors"
	"fmt"
	"math"

	"rrbench/measure"
	"rrbench/modes"
	"rrbench/payloads"
	"rrbench/transport"
)

// receiver is what a target puts values into.
type receiver interface {
	// place returns the memory for a value of n bytes, which is the caller's until release.
	place(n uint64) ([]byte, error)
	// handle enters the handler with what lies in that memory, and fills in everything of
	// the delivery but Received and Usage.
	handle(d *transport.Delivery) error
	// release follows each place that succeeded.
	release() error
	Close() error
}

func (r relay) newReceiver(ctx context.Context, setup transport.Setup) (receiver, error) {
	if r.way == plainly {
		buffer := make([]byte, setup.Size)
		// The pages are there before the first value is.
		clear(buffer)
		return &plainReceiver{buffer: buffer}, nil
	}
	guest, err := load(ctx, setup, nil)
	if err != nil {
		return nil, err
	}
	if serializes(setup.Codec) {
		return &deserializer{guestReceiver{Function: guest}}, nil
	}
	return &guestReceiver{Function: guest}, nil
}

// guestReceiver is a guest whose handler takes the value as it is.
type guestReceiver struct {
	*modes.Function
	region *modes.Region
}

func (g *guestReceiver) place(n uint64) ([]byte, error) {
	if n > math.MaxUint32 {
		return nil, fmt.Errorf("a value of %d bytes does not fit into a 32-bit memory", n)
	}
	region, err := g.Allocate(uint32(n))
	if err != nil {
		return nil, err
	}
	g.region = region
	return region.Bytes(), nil
}

func (g *guestReceiver) handle(d *transport.Delivery) (err error) {
	d.Timeline.Delivered = measure.Now()
	d.Digest, err = g.Enter(g.region)
	d.Timeline.Consumed = measure.Now()
	d.Length = uint64(g.region.Len())
	return err
}

func (g *guestReceiver) release() error { return g.Release(g.region) }

// deserializer is a guest that deserializes the value before it enters the handler.
type deserializer struct{ guestReceiver }

func (s *deserializer) handle(d *transport.Delivery) (err error) {
	if d.Digest, err = s.Enter(s.region); err != nil {
		return err
	}
	d.Timeline.Consumed = measure.Now()
	delivered, err := s.Call("delivered")
	d.Timeline.Delivered = int64(delivered)
	length, lengthErr := s.Call("length")
	d.Length = length
	return errors.Join(err, lengthErr)
}

// plainReceiver is a buffer.
type plainReceiver struct {
	buffer []byte
	length uint64
}

func (p *plainReceiver) place(n uint64) ([]byte, error) {
	p.length = n
	return p.buffer[:n], nil
}

func (p *plainReceiver) handle(d *transport.Delivery) error {
	d.Timeline.Delivered = measure.Now()
	d.Digest, d.Length = payloads.Digest(p.buffer[:p.length]), p.length
	d.Timeline.Consumed = measure.Now()
	return nil
}

func (p *plainReceiver) release() error { return nil }

func (p *plainReceiver) Close() error {
	p.buffer = nil
	return nil
}
