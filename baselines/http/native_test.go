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

// A payload larger than all socket buffers together takes the path on which the source
// has to wait for the target. Its usage is reported.
func TestLargePayload(t *testing.T) {
	const size = 48<<20 + 5
	setup := setupOf(transport.Raw, payloads.Bytes, size)
	route := transporttest.Opening(t, New(), setup, transporttest.Serving(t, New(), setup).Endpoint())
	var handoff transport.Handoff
	for seed := range uint64(2) {
		transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size}, &handoff)
		if used := handoff.Deliveries[0].Usage; used.CPU() <= 0 {
			t.Errorf("a hand-off used %+v", used)
		}
	}
}

// Nothing reads the payload once Send has returned, however that ended.
func TestPreparingAfterFailure(t *testing.T) {
	setup := setupOf(transport.Raw, payloads.Text, 32<<20)
	target := transporttest.Serving(t, New(), setup)
	setup.Deadline = time.Millisecond
	route := transporttest.Opening(t, New(), setup, target.Endpoint())
	var handoff transport.Handoff
	for seed := range uint64(5) {
		// The race detector sees a write to memory that net/http still reads.
		transporttest.Prepare(t, route, payloads.Spec{Kind: payloads.Text, Seed: seed, Size: 32 << 20})
		transporttest.MustSend(t, route, &handoff)
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
	route := transporttest.Opening(t, New(), setup, second.Endpoint())
	var handoff transport.Handoff
	transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 100}, &handoff)
}
