package user

import (
	"errors"
	"fmt"
	"testing"

	"rrbench/measure"
	"rrbench/memory"
	"rrbench/modes/modestest"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

func benchmarkSend(b *testing.B, by transport.Transport, engine string, size int64, fanout int) {
	setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: size, Fanout: fanout}
	var targets []transport.Target
	for range fanout {
		targets = append(targets, transporttest.Serving(b, by, setup))
	}
	route := openBy(b, by, setup, targets...)
	var handoff transport.Handoff
	var latency, consumed, cycle int64
	send := func() {
		err := errors.Join(route.Prepare(payloads.Spec{Kind: payloads.Text, Seed: 1, Size: size}), route.Send(&handoff), route.Recycle(size))
		if err != nil {
			b.Fatal(err)
		}
		cycle += measure.Now() - handoff.Start
		latency += handoff.Deliveries[0].Timeline.Latency()
		consumed += handoff.Deliveries[0].Timeline.ConsumedAfter()
	}
	// The first ones grow memories and touch every page.
	send()
	send()
	latency, consumed, cycle = 0, 0, 0
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		send()
	}
	b.ReportMetric(float64(latency)/float64(b.N), "latency-ns")
	b.ReportMetric(float64(consumed)/float64(b.N), "consumed-ns")
	b.ReportMetric(float64(cycle)/float64(b.N), "cycle-ns")
}

// BenchmarkHandoff is a whole hand-off with its clock readings: the payload, A's send, the host,
// allocation in B, the copy, B's handler, which reads every byte, and the release.
func BenchmarkHandoff(b *testing.B) {
	for _, by := range all() {
		for _, engine := range modestest.Engines(b) {
			for _, size := range []int64{64, 256, 1 << 10, 4 << 10, 64 << 10, 1 << 20, 10 << 20, 100 << 20} {
				b.Run(fmt.Sprintf("%s/%s/%s", by.Info().Name, engine, payloads.FormatSize(size)), func(b *testing.B) {
					benchmarkSend(b, by, engine, size, 1)
				})
			}
		}
	}
}

func BenchmarkFanOut(b *testing.B) {
	for _, by := range all() {
		for _, engine := range modestest.Engines(b) {
			for _, fanout := range []int{2, 10, 100} {
				b.Run(fmt.Sprintf("%s/%s/1MiB/%d", by.Info().Name, engine, fanout), func(b *testing.B) {
					benchmarkSend(b, by, engine, 1<<20, fanout)
				})
			}
		}
	}
}

// BenchmarkCopy is the limit: the same copy between warm buffers of this process.
func BenchmarkCopy(b *testing.B) {
	for _, size := range []int64{64 << 10, 1 << 20, 10 << 20, 100 << 20} {
		b.Run(payloads.FormatSize(size), func(b *testing.B) {
			from, to := make([]byte, size), make([]byte, size)
			payloads.Fill(from, payloads.Text, 1)
			payloads.Fill(to, payloads.Text, 2)
			b.SetBytes(size)
			for b.Loop() {
				memory.Copy(to, from)
			}
		})
	}
}
