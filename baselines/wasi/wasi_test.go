package wasi

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rrbench/engines/catalogue"
	"rrbench/payloads"
	"rrbench/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eachEngine runs a test on every engine that runs here.
func eachEngine(t *testing.T, test func(t *testing.T, engine string)) {
	for _, engine := range catalogue.Names() {
		t.Run(engine, func(t *testing.T) {
			if err := catalogue.Check(engine); err != nil {
				t.Skip(err)
			}
			test(t, engine)
		})
	}
}

func setupOf(engine string, codec transport.Codec, kind payloads.Kind, size int64) transport.Setup {
	return transport.Setup{
		Engine: engine, Guest: "c", Codec: codec, Payload: kind, Size: size, Fanout: 1, Deadline: 20 * time.Second,
	}
}

func mustServe(t testing.TB, guests Guests, setup transport.Setup) transport.Target {
	t.Helper()
	target, err := guests.Serve(context.Background(), setup)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

func mustOpen(t testing.TB, guests Guests, setup transport.Setup, targets ...transport.Endpoint) transport.Route {
	t.Helper()
	route, err := guests.Open(context.Background(), setup, targets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := route.Close(); err != nil {
			t.Error(err)
		}
	})
	return route
}

func mustPrepare(t testing.TB, route transport.Route, spec payloads.Spec) (digest uint64) {
	t.Helper()
	digest, err := route.Prepare(spec)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func mustSend(t testing.TB, route transport.Route, handoff *transport.Handoff) {
	t.Helper()
	if err := route.Send(handoff); err != nil {
		t.Fatal(err)
	}
}

func checkDelivery(t testing.TB, d *transport.Delivery, digest uint64, size int64) {
	t.Helper()
	if d.Err != nil {
		t.Error(d.Err)
		return
	}
	if d.Digest != digest || d.Length != uint64(size) {
		t.Errorf("target saw %d bytes with digest %x, want %d with %x", d.Length, d.Digest, size, digest)
	}
	l := &d.Timeline
	moments := []int64{l.Start, l.Serialized, l.CopiedOut, l.Received, l.CopiedIn, l.Delivered, l.Consumed, l.Acknowledged}
	if !slices.IsSorted(moments) || l.Start == 0 {
		t.Errorf("moments are out of order: %v", moments)
	}
}

func TestPayloadsArrive(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		for _, way := range []struct {
			guest string
			codec transport.Codec
		}{{"http-go", transport.JSON}, {"http-go", transport.Raw}, {"http-go", transport.JSONStd}, {"http-c", transport.Raw}} {
			for _, kind := range payloads.Kinds() {
				t.Run(fmt.Sprintf("%s/%s/%s", way.guest, way.codec, kind), func(t *testing.T) {
					const fanout, largest = 3, 128 << 10
					setup := setupOf(engine, way.codec, kind, largest)
					setup.Guest = way.guest
					setup.Fanout = fanout
					var endpoints []transport.Endpoint
					for range fanout {
						endpoints = append(endpoints, mustServe(t, Guests{}, setup).Endpoint())
					}
					route := mustOpen(t, Guests{}, setup, endpoints...)
					handoff := transport.Handoff{Deliveries: make([]transport.Delivery, fanout)}
					for seed, size := range []int64{64, 1, 4096, largest, 100, largest} {
						spec := payloads.Spec{Kind: kind, Seed: uint64(seed) + 1<<63, Size: size}
						digest := mustPrepare(t, route, spec)
						flat := make([]byte, size)
						payloads.Fill(flat, kind, spec.Seed)
						if want := payloads.Digest(flat); digest != want {
							t.Errorf("the source's digest is %x, want %x", digest, want)
						}
						for range 2 {
							mustSend(t, route, &handoff)
							for i := range handoff.Deliveries {
								d := &handoff.Deliveries[i]
								checkDelivery(t, d, digest, size)
								if d.Timeline.Start != handoff.Start {
									t.Errorf("target %d started at %d, not at %d", i, d.Timeline.Start, handoff.Start)
								}
							}
						}
					}
				})
			}
		}
	})
}
