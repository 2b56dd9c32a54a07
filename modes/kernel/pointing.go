package kernel

import (
	"fmt"

	"rrbench/modes"
	"rrbench/transport/stream"
)

// pointing is the source of kernel/cma: it tells its targets the region's address and
// leaves the reading to them. The region is leased and its guest suspended meanwhile. A
// target that is given up while it reads finds the connection closed when it has read, and
// throws away what it got.
type pointing struct {
	lastID     uint64
	directions directions
	encoded    []byte
	// withdraw ends the permission that targets have been given.
	withdraw func() error
}

// point makes the targets' processes permitted readers of this one.
func point(processes []int) (*pointing, error) {
	withdraw, err := permit(processes)
	if err != nil {
		return nil, fmt.Errorf("permit the targets to read this process: %w", err)
	}
	return &pointing{withdraw: withdraw}, nil
}

func (p *pointing) Refer(_ *modes.Region, payload []byte) (reference stream.Reference, ok bool, err error) {
	p.lastID++
	p.directions = directions{method: reading, place: uint64(addressOf(payload))}
	p.encoded = p.directions.encode(p.encoded[:0])
	return stream.Reference{ID: p.lastID, Descriptor: -1, Directions: p.encoded}, true, nil
}

// Settle has nothing to take back: a payload that was read is the target's own.
func (p *pointing) Settle(*modes.Region, []byte, int) error { return nil }

func (p *pointing) Released([]uint64) {}

func (p *pointing) Close() error { return p.withdraw() }
