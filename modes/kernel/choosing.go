package kernel

import (
	"errors"

	"rrbench/modes"
	"rrbench/modes/sockets"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// mechanism is how a source's payloads get to its targets.
type mechanism interface {
	sockets.Referrer
	modes.Lender
}

// choosing refers to payloads by one of two mechanisms.
type choosing struct{ transport.BySize[mechanism] }

// choose has payloads of at least crossover bytes lie in a memory file and sends others as bytes.
func choose(crossover int64) *choosing {
	return &choosing{transport.BySize[mechanism]{Below: asBytes{}, From: &memfd{}, Crossover: crossover}}
}

func (c *choosing) BeforeFill(region *modes.Region) { c.For(int(region.Len())).BeforeFill(region) }

func (c *choosing) BeforeFree(region *modes.Region) { c.For(int(region.Len())).BeforeFree(region) }

func (c *choosing) Refer(region *modes.Region, payload []byte) (stream.Reference, bool, error) {
	return c.For(len(payload)).Refer(region, payload)
}

func (c *choosing) Finish(region *modes.Region, payload []byte, held int) error {
	return c.For(len(payload)).Finish(region, payload, held)
}

func (c *choosing) Released(ids []uint64) { c.From.Released(ids) }

func (c *choosing) Close() error { return errors.Join(c.Below.Close(), c.From.Close()) }

// asBytes refers to nothing: payloads go through the socket.
type asBytes struct{}

func (asBytes) BeforeFill(*modes.Region) {}
func (asBytes) BeforeFree(*modes.Region) {}

func (asBytes) Refer(*modes.Region, []byte) (reference stream.Reference, ok bool, err error) {
	return stream.Reference{}, false, nil
}

func (asBytes) Finish(*modes.Region, []byte, int) error { return nil }
func (asBytes) Released([]uint64)                       {}
func (asBytes) Close() error                            { return nil }
