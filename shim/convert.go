package shim

import (
	"time"

	"rrbench/control"
	"rrbench/payloads"
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
