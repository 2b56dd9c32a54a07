package shim

import (
	"time"

	"rrbench/payloads"
	"rrbench/shim/control"
	"rrbench/transport"
)

func setupToControl(s transport.Setup) *control.Setup {
	return &control.Setup{
		Engine:     s.Engine,
		Guest:      []byte(s.Guest),
		Codec:      string(s.Codec),
		Payload:    string(s.Payload),
		Size:       s.Size,
		Fanout:     int64(s.Fanout),
		DeadlineNs: int64(s.Deadline),
		Parameter:  []byte(s.Parameter),
	}
}

func setupFromControl(c *control.Setup) transport.Setup {
	return transport.Setup{
		Engine:    c.GetEngine(),
		Guest:     string(c.GetGuest()),
		Codec:     transport.Codec(c.GetCodec()),
		Payload:   payloads.Kind(c.GetPayload()),
		Size:      c.GetSize(),
		Fanout:    int(c.GetFanout()),
		Deadline:  time.Duration(c.GetDeadlineNs()),
		Parameter: string(c.GetParameter()),
	}
}

func endpointToControl(e transport.Endpoint) *control.Endpoint {
	return &control.Endpoint{Transport: e.Transport, Network: e.Network, Address: e.Address, Nonce: e.Nonce, Facts: e.Facts}
}

func endpointFromControl(c *control.Endpoint) transport.Endpoint {
	return transport.Endpoint{
		Transport: c.GetTransport(),
		Network:   c.GetNetwork(),
		Address:   c.GetAddress(),
		Nonce:     c.GetNonce(),
		Facts:     c.GetFacts(),
	}
}

func batchToControl(b Batch) *control.Batch {
	return &control.Batch{
		Payload:    string(b.Payload),
		Size:       b.Size,
		Seed:       b.Seed,
		Warmup:     int64(b.Warmup),
		Rounds:     int64(b.Rounds),
		WindowNs:   int64(b.Window),
		DeadlineNs: int64(b.Deadline),
	}
}

func batchFromControl(c *control.Batch) Batch {
	return Batch{
		Payload:  payloads.Kind(c.GetPayload()),
		Size:     c.GetSize(),
		Seed:     c.GetSeed(),
		Warmup:   int(c.GetWarmup()),
		Rounds:   int(c.GetRounds()),
		Window:   time.Duration(c.GetWindowNs()),
		Deadline: time.Duration(c.GetDeadlineNs()),
	}
}

// recordToControl sets every field of c, which has a timeline.
func recordToControl(r *Record, c *control.Record) {
	c.Round, c.Worker, c.Target = int64(r.Round), int64(r.Worker), int64(r.Target)
	c.Seed = r.Seed
	c.Timeline.Start = r.Timeline.Start
	c.Timeline.Serialized = r.Timeline.Serialized
	c.Timeline.CopiedOut = r.Timeline.CopiedOut
	c.Timeline.Received = r.Timeline.Received
	c.Timeline.CopiedIn = r.Timeline.CopiedIn
	c.Timeline.Delivered = r.Timeline.Delivered
	c.Timeline.Consumed = r.Timeline.Consumed
	c.Timeline.Acknowledged = r.Timeline.Acknowledged
	c.Length, c.Digest, c.Expected = r.Length, r.Digest, r.Expected
	c.CpuUser, c.CpuKernel, c.Softirq = r.CPUUser, r.CPUKernel, r.SoftIRQ
	c.MinorFaults, c.ContextSwitches = r.MinorFaults, r.ContextSwitches
	c.Error = r.Err
}

func recordFromControl(c *control.Record) Record {
	t := c.GetTimeline()
	return Record{
		Round:  int(c.GetRound()),
		Worker: int(c.GetWorker()),
		Target: int(c.GetTarget()),
		Seed:   c.GetSeed(),
		Timeline: transport.Timeline{
			Start:        t.GetStart(),
			Serialized:   t.GetSerialized(),
			CopiedOut:    t.GetCopiedOut(),
			Received:     t.GetReceived(),
			CopiedIn:     t.GetCopiedIn(),
			Delivered:    t.GetDelivered(),
			Consumed:     t.GetConsumed(),
			Acknowledged: t.GetAcknowledged(),
		},
		Length:          c.GetLength(),
		Digest:          c.GetDigest(),
		Expected:        c.GetExpected(),
		CPUUser:         c.GetCpuUser(),
		CPUKernel:       c.GetCpuKernel(),
		SoftIRQ:         c.GetSoftirq(),
		MinorFaults:     c.GetMinorFaults(),
		ContextSwitches: c.GetContextSwitches(),
		Err:             c.GetError(),
	}
}
