package http

import (
	"context"
	"testing"
	"time"

	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

func TestMain(m *testing.M) { transporttest.Main(m, New()) }

func TestConformance(t *testing.T) {
	transporttest.Run(t, New, transporttest.Options{Allocates: true})
}

func setupOf(codec transport.Codec, kind payloads.Kind, size int64) transport.Setup {
	return transport.Setup{Engine: transport.NativeEngine, Codec: codec, Payload: kind, Size: size, Fanout: 1, Deadline: 20 * time.Second}
}

func mustServe(t testing.TB, setup transport.Setup) transport.Target {
	t.Helper()
	target, err := New().Serve(context.Background(), setup)
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

func mustOpen(t testing.TB, setup transport.Setup, targets ...transport.Endpoint) transport.Route {
	t.Helper()
	route, err := New().Open(context.Background(), setup, targets)
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
	digest, err := spec.Digest(), route.Prepare(spec)
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
	for i := 1; i < len(moments); i++ {
		if moments[i] < moments[i-1] {
			t.Errorf("moment %d lies before moment %d: %v", i, i-1, moments)
		}
	}
	p := l.Phases()
	if sum := p.Serialize + p.CopyOut + p.Transfer + p.CopyIn + p.Deserialize; sum != l.Latency() || sum <= 0 {
		t.Errorf("phases add up to %d ns of %d", sum, l.Latency())
	}
}

// A payload larger than all socket buffers together takes the path on which the source
// has to wait for the target.
func TestLargePayloadArrives(t *testing.T) {
	const size = 48<<20 + 5
	setup := setupOf(transport.Raw, payloads.Bytes, size)
	route := mustOpen(t, setup, mustServe(t, setup).Endpoint())
	var handoff transport.Handoff
	for seed := range uint64(2) {
		digest := mustPrepare(t, route, payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size})
		mustSend(t, route, &handoff)
		checkDelivery(t, &handoff.Deliveries[0], digest, size)
	}
}

func TestUsageIsTold(t *testing.T) {
	setup := setupOf(transport.JSON, payloads.Records, 1<<20)
	route := mustOpen(t, setup, mustServe(t, setup).Endpoint())
	mustPrepare(t, route, payloads.Spec{Kind: payloads.Records, Seed: 1, Size: 1 << 20})
	var handoff transport.Handoff
	mustSend(t, route, &handoff)
	if used := handoff.Deliveries[0].Usage; used.CPU() <= 0 {
		t.Errorf("a hand-off used %+v", used)
	}
}

// What is sent is not looked at by anybody once Send has returned, however that ended.
func TestPreparingAfterFailure(t *testing.T) {
	setup := setupOf(transport.Raw, payloads.Text, 32<<20)
	target := mustServe(t, setup)
	setup.Deadline = time.Millisecond
	route := mustOpen(t, setup, target.Endpoint())
	var handoff transport.Handoff
	for seed := range uint64(5) {
		// The race detector sees a write to memory that net/http still reads.
		mustPrepare(t, route, payloads.Spec{Kind: payloads.Text, Seed: seed, Size: 32 << 20})
		mustSend(t, route, &handoff)
		if handoff.Deliveries[0].Err == nil {
			t.Log("32 MiB arrived within a millisecond")
		}
	}
}

func TestListen(t *testing.T) {
	setup := setupOf(transport.Raw, payloads.Text, 100)
	for _, address := range []string{"203.0.113.1", "nowhere at all"} {
		setup.Address = address
		if target, err := New().Serve(context.Background(), setup); err == nil {
			t.Errorf("listens on %s", address)
			_ = target.Close()
		}
	}
	setup.Address = "127.0.0.2"
	second, err := New().Serve(context.Background(), setup)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	route := mustOpen(t, setup, second.Endpoint())
	digest := mustPrepare(t, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 100})
	var handoff transport.Handoff
	mustSend(t, route, &handoff)
	checkDelivery(t, &handoff.Deliveries[0], digest, 100)
}
