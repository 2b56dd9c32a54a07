package kernel

import (
	"fmt"

	"rrbench/modes"
	"rrbench/modes/sockets"
	"rrbench/transport/stream"
)

// remoteRead is the source of kernel/cma: it tells its targets the region's address and
// leaves the reading to them. The region is leased and its guest suspended meanwhile. A
// target that is given up while it reads finds the connection closed when it has read, and
// throws away what it got.
type remoteRead struct {
	lastID  uint64
	locator locator
	encoded []byte
	// withdraw ends the permission that targets have been given.
	withdraw func() error
}

// NewRemoteRead makes the referrer of kernel/cma for memory of any kind: RemoteReaders in the
// targets' processes find payloads there. They are permitted to read this process until Close.
func NewRemoteRead(processes []int) (sockets.Referrer, error) {
	withdraw, err := permit(processes)
	if err != nil {
		return nil, fmt.Errorf("permit the targets to read this process: %w", err)
	}
	return &remoteRead{withdraw: withdraw}, nil
}

func (p *remoteRead) Refer(_ *modes.Region, payload []byte) (reference stream.Reference, ok bool, err error) {
	p.lastID++
	p.locator = locator{method: reading, place: uint64(addressOf(payload))}
	p.encoded = p.locator.encode(p.encoded[:0])
	return stream.Reference{ID: p.lastID, Descriptor: -1, Locator: p.encoded}, true, nil
}

// Finish has nothing to take back: a payload that was read is the target's own.
func (p *remoteRead) Finish(*modes.Region, []byte, int) error { return nil }

func (p *remoteRead) Released([]uint64) {}

func (p *remoteRead) Close() error { return p.withdraw() }
