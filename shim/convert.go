package shim

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"rrbench/control"
	"rrbench/measure"
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
		Serial:     s.Serial,
		Origin:     string(s.Origin),
		Consume:    string(s.Consume),
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
		Serial:    c.GetSerial(),
		Origin:    transport.Origin(c.GetOrigin()),
		Consume:   transport.Consume(c.GetConsume()),
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
		Sizes:      b.Sizes,
		Seed:       b.Seed,
		Warmup:     int64(b.Warmup),
		Rounds:     int64(b.Rounds),
		WindowNs:   int64(b.Window),
		DeadlineNs: int64(b.Deadline),
		First:      b.First,
		Least:      int64(b.Least),
		Rate:       int64(b.Rate),
		Apart:      b.Apart,
	}
}

func batchFromControl(c *control.Batch) Batch {
	return Batch{
		Payload:  payloads.Kind(c.GetPayload()),
		Sizes:    c.GetSizes(),
		Seed:     c.GetSeed(),
		Warmup:   int(c.GetWarmup()),
		Rounds:   int(c.GetRounds()),
		Window:   time.Duration(c.GetWindowNs()),
		Deadline: time.Duration(c.GetDeadlineNs()),
		First:    c.GetFirst(),
		Least:    int(c.GetLeast()),
		Rate:     int(c.GetRate()),
		Apart:    c.GetApart(),
	}
}

// toControl may have a nil window.
func (w *Window) toControl() *control.Window {
	if w == nil {
		return nil
	}
	c := &control.Window{
		Tried: int64(w.Tried), Ok: int64(w.OK), Failed: int64(w.Failed), Bytes: w.Bytes, Ns: w.Ns, Reason: w.Reason,
		Source: usageToControl(w.Source), Targets: usageToControl(w.Targets), Server: usageToControl(w.Server),
		SoftirqNs: w.SoftIRQ, FunctionNs: w.FunctionNs,
	}
	if w.Latencies != nil {
		// An error is one of writing to memory.
		c.Latencies, _ = w.Latencies.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	}
	return c
}

// windowFromControl trusts the shim: it is this program.
func windowFromControl(c *control.Window) (Window, error) {
	w := Window{
		Tried: int(c.GetTried()), OK: int(c.GetOk()), Failed: int(c.GetFailed()), Bytes: c.GetBytes(), Ns: c.GetNs(), Reason: c.GetReason(),
		Source: usageFromControl(c.GetSource()), Targets: usageFromControl(c.GetTargets()), Server: usageFromControl(c.GetServer()),
		SoftIRQ: c.GetSoftirqNs(), FunctionNs: c.GetFunctionNs(),
	}
	if encoded := c.GetLatencies(); encoded != nil {
		var err error
		if w.Latencies, err = hdrhistogram.Decode(encoded); err != nil {
			return w, fmt.Errorf("read the latencies of a window: %w", err)
		}
	}
	return w, nil
}

func usageToControl(u measure.Usage) *control.Usage {
	return &control.Usage{UserNs: u.UserNs, KernelNs: u.KernelNs, MinorFaults: u.MinorFaults, ContextSwitches: u.ContextSwitches}
}

func usageFromControl(c *control.Usage) measure.Usage {
	return measure.Usage{UserNs: c.GetUserNs(), KernelNs: c.GetKernelNs(), MinorFaults: c.GetMinorFaults(), ContextSwitches: c.GetContextSwitches()}
}
