package shim

import (
	"encoding/binary"
	"fmt"
	"math"

	"rrbench/transport"
)

// Record is one hand-off to one target.
type Record struct {
	// Round counts those of the batch's last part; First says that it is the round before all,
	// and Round 0.
	Round, Worker, Target int
	First                 bool
	Seed                  uint64
	// Expected is the payload's digest.
	Expected uint64
	// Cycle is how long it took from t0 until the source's function could write its next payload,
	// in nanoseconds.
	Cycle int64
	// CPUUser and CPUKernel are this hand-off's CPU time in nanoseconds: its share of what
	// the source's process used in the round, plus what the target's own process used.
	// Their sum is what the kernel counted; after a Window they are split in its
	// proportion, and a round of less than 100 microseconds, too short for the kernel's
	// counters, gets the window's mean.
	CPUUser, CPUKernel int64
	// SoftIRQ is the machine's interrupt work a hand-off, in nanoseconds, as the Window
	// showed it; 0 before the first.
	SoftIRQ int64
	// MinorFaults and ContextSwitches are shares like the CPU time.
	MinorFaults, ContextSwitches float64
	// Delivery is what became of the payload; its Err is why the hand-off failed.
	transport.Delivery
}

// recordSize is the length of what precedes a record's delivery; see control.proto.
const recordSize = 4*4 + 8*8

func (r *Record) appendTo(to []byte) []byte {
	first := 0
	if r.First {
		first = 1
	}
	for _, n := range [...]int{r.Round, r.Worker, r.Target, first} {
		to = binary.LittleEndian.AppendUint32(to, uint32(n))
	}
	for _, n := range [...]uint64{
		r.Seed, r.Expected, uint64(r.Cycle), uint64(r.CPUUser), uint64(r.CPUKernel), uint64(r.SoftIRQ),
		math.Float64bits(r.MinorFaults), math.Float64bits(r.ContextSwitches),
	} {
		to = binary.LittleEndian.AppendUint64(to, n)
	}
	return r.Delivery.AppendTo(to)
}

// parseRecords calls each with every record of a reply. Its error is each's, or that of bytes
// that are no records.
func parseRecords(wire []byte, each func(Record) error) error {
	for len(wire) > 0 {
		if len(wire) < recordSize {
			return fmt.Errorf("a record of %d bytes is cut short", len(wire))
		}
		var r Record
		for i, to := range [...]*int{&r.Round, &r.Worker, &r.Target} {
			*to = int(binary.LittleEndian.Uint32(wire[4*i:]))
		}
		number := func(i int) uint64 { return binary.LittleEndian.Uint64(wire[16+8*i:]) }
		r.First = wire[12]&1 != 0
		r.Seed, r.Expected, r.Cycle = number(0), number(1), int64(number(2))
		r.CPUUser, r.CPUKernel, r.SoftIRQ = int64(number(3)), int64(number(4)), int64(number(5))
		r.MinorFaults, r.ContextSwitches = math.Float64frombits(number(6)), math.Float64frombits(number(7))
		n, err := transport.ParseDelivery(wire[recordSize:], &r.Delivery)
		if err != nil {
			return fmt.Errorf("record: %w", err)
		}
		if err := each(r); err != nil {
			return err
		}
		wire = wire[recordSize+n:]
	}
	return nil
}
