package modes

import (
	"fmt"
	"math"

	"rrbench/transport"
)

// Receiver has payloads put straight into a function's linear memory. Its calls come in the
// order of stream.Receiver.
type Receiver struct {
	Function *Function
	region   *Region
}

// Place returns memory for a payload of n bytes.
func (r *Receiver) Place(n uint64) ([]byte, error) {
	if n > math.MaxUint32 {
		return nil, fmt.Errorf("a payload of %d bytes does not fit into a 32-bit memory", n)
	}
	region, err := r.Function.Allocate(uint32(n))
	if err != nil {
		return nil, err
	}
	r.region = region
	// The view holds until the next call into the guest, which is Consume or Release.
	return region.Bytes(), nil
}

// Consume enters the handler with what lies there.
func (r *Receiver) Consume(d *transport.Delivery) (err error) {
	d.Digest, err = r.Function.Enter(r.region)
	return err
}

// Release takes the memory back.
func (r *Receiver) Release() error {
	region := r.region
	r.region = nil
	return r.Function.Release(region)
}

// Close ends the function.
func (r *Receiver) Close() error { return r.Function.Close() }
