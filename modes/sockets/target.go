package sockets

import (
	"errors"
	"fmt"
	"math"

	"rrbench/modes"
	"rrbench/transport"
	"rrbench/transport/stream"
)

type target struct {
	endpoint transport.Endpoint
	listener *stream.Listener
	function *modes.Function
	// resolver may be nil.
	resolver Resolver
}

func (t *target) Endpoint() transport.Endpoint { return t.endpoint }

// Close leaves the function alone when its handler does not come back: its memory is
// still in use.
func (t *target) Close() error {
	if err := t.listener.Close(); err != nil {
		return fmt.Errorf("%s: %w", t.endpoint.Transport, err)
	}
	err := t.function.Close()
	if t.resolver != nil {
		err = errors.Join(err, t.resolver.Close())
		t.resolver = nil
	}
	return err
}

// receiver has payloads read straight into the function's linear memory.
type receiver struct {
	function *modes.Function
	region   *modes.Region
}

var _ stream.Receiver = (*receiver)(nil)

func (r *receiver) Place(n uint64) ([]byte, error) {
	if n > math.MaxUint32 {
		return nil, fmt.Errorf("a payload of %d bytes does not fit into a 32-bit memory", n)
	}
	region, err := r.function.Allocate(uint32(n))
	if err != nil {
		return nil, err
	}
	r.region = region
	// The view holds until the next call into the guest, which is Consume or Release.
	return region.Bytes(), nil
}

func (r *receiver) Consume() (uint64, error) { return r.function.Enter(r.region) }

func (r *receiver) Release() error {
	region := r.region
	r.region = nil
	return r.function.Release(region)
}
