package wasi

import (
	"math"
	"testing"
	"time"

	"rrbench/baselines/http"
	"rrbench/engines/catalogue"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

func TestMain(m *testing.M) { transporttest.Main(m, New()) }

func TestConformance(t *testing.T) {
	for _, guest := range guestsTested {
		options := transporttest.Options{Guest: guest}
		if guest == "http-c" {
			options.Codecs = []transport.Codec{transport.Raw}
		}
		t.Run(guest, func(t *testing.T) { transporttest.Run(t, New, options) })
	}
}

func setupOf(engine string, codec transport.Codec, kind payloads.Kind, size int64) transport.Setup {
	return transport.Setup{
		Engine: engine, Guest: "c", Codec: codec, Payload: kind, Size: size, Fanout: 1, Deadline: 20 * time.Second,
	}
}

// eachGuest runs a test with every guest on every engine that runs here.
func eachGuest(t *testing.T, test func(t *testing.T, setup transport.Setup)) {
	for _, engine := range catalogue.BuiltIn() {
		for _, guest := range guestsTested {
			t.Run(engine+"/"+guest, func(t *testing.T) {
				if err := catalogue.Check(engine); err != nil {
					t.Skip(err)
				}
				setup := setupOf(engine, transport.Raw, payloads.Text, 128<<10)
				setup.Guest = guest
				test(t, setup)
			})
		}
	}
}

// Guests understand one another, and the functions of http/native.
func TestMixedGuests(t *testing.T) {
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		endpoint := transporttest.Serving(t, New(), setup).Endpoint()
		for _, guest := range guestsTested {
			setup.Guest = guest
			visit(t, New(), setup, endpoint)
		}
		endpoint.Transport = "http/native"
		visit(t, http.New(), setup, endpoint)
		endpoint = transporttest.Serving(t, http.New(), setup).Endpoint()
		endpoint.Transport = Name
		visit(t, New(), setup, endpoint)
	})
}

// visit opens a route, sends over it and closes it: http-c has one source at a time.
func visit(t *testing.T, over transport.Transport, setup transport.Setup, endpoint transport.Endpoint) {
	t.Helper()
	route := transporttest.Open(t, over, setup, endpoint)
	exchange(t, route, setup)
	transporttest.MustClose(t, route)
}

// exchange sends a payload and checks that it arrives. It returns the delivery.
func exchange(t *testing.T, route transport.Route, setup transport.Setup) *transport.Delivery {
	t.Helper()
	var handoff transport.Handoff
	transporttest.HandOver(t, route, payloads.Spec{Kind: setup.Payload, Seed: 7, Size: setup.Size}, &handoff)
	return &handoff.Deliveries[0]
}

// A payload larger than all socket buffers together takes the path on which the source
// has to wait for the target. Its usage and what was copied are reported.
func TestLargePayload(t *testing.T) {
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		setup.Payload, setup.Size = payloads.Bytes, 48<<20+5
		d := exchange(t, transporttest.Opening(t, New(), setup, transporttest.Serving(t, New(), setup).Endpoint()), setup)
		if d.Usage.CPU() <= 0 || d.Usage.MinorFaults < 0 {
			t.Errorf("a hand-off used %+v", d.Usage)
		}
		p := d.Timeline.Phases()
		if p.CopyOut <= 0 || p.CopyIn <= 0 || p.Serialize+p.CopyOut+p.Transfer+p.CopyIn+p.Deserialize != d.Timeline.Latency() || !d.Timeline.Ordered() {
			t.Errorf("phases are %+v of %d ns, moments %+v", p, d.Timeline.Latency(), d.Timeline)
		}
	})
}

func TestNoteCopies(t *testing.T) {
	for _, test := range []struct{ out, in, wantOut, wantIn int64 }{
		{0, 0, 0, 0},
		{20, 30, 20, 30},
		{100, 0, 100, 0},
		{100, 100, 50, 50},
		{math.MaxInt64, 1, 100, 0},
		{-1, 30, 0, 30},
		{20, -5, 0, -5},
	} {
		line := transport.Timeline{Serialized: 1000, CopiedOut: 1000, Received: 1100 - test.in, CopiedIn: 1100}
		noteCopies(&line, test.out)
		if p := line.Phases(); p.CopyOut != test.wantOut || p.CopyIn != test.wantIn {
			t.Errorf("%+v: %+v", test, p)
		}
	}
}
