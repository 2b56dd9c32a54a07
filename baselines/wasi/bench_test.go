package wasi

import (
	"fmt"
	"slices"
	"testing"

	"rrbench/engines/catalogue"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// BenchmarkHandoff measures hand-offs between two guests of one process: medians of
// latency (until B has a usable object), of its phases, and until B has read every byte.
func BenchmarkHandoff(b *testing.B) {
	for _, engine := range catalogue.BuiltIn() {
		for _, way := range []struct {
			guest string
			codec transport.Codec
		}{{"http-go", transport.Raw}, {"http-c", transport.Raw}, {"http-go", transport.JSON}} {
			for _, size := range []int64{64 << 10, 1 << 20, 10 << 20, 100 << 20} {
				b.Run(fmt.Sprintf("%s/%s/%s/%s", engine, way.guest, way.codec, payloads.FormatSize(size)), func(b *testing.B) {
					if err := catalogue.Check(engine); err != nil {
						b.Skip(err)
					}
					setup := setupOf(engine, way.codec, payloads.Text, size)
					setup.Guest = way.guest
					benchmark(b, setup)
				})
			}
		}
	}
}

func benchmark(b *testing.B, setup transport.Setup) {
	route := transporttest.Opening(b, New(), setup, transporttest.Serving(b, New(), setup).Endpoint())
	digest := transporttest.Prepare(b, route, payloads.Spec{Kind: setup.Payload, Seed: 1, Size: setup.Size})
	var handoff transport.Handoff
	var timelines []transport.Timeline
	step := func() {
		transporttest.MustSend(b, route, &handoff)
		transporttest.CheckDelivery(b, &handoff, 0, setup.Size, digest)
	}
	for range 3 {
		step()
	}
	b.SetBytes(setup.Size)
	b.ReportAllocs()
	for b.Loop() {
		step()
		timelines = append(timelines, handoff.Deliveries[0].Timeline)
	}
	for name, of := range map[string]func(*transport.Timeline) int64{
		"latency-µs":     (*transport.Timeline).Latency,
		"consumed-µs":    (*transport.Timeline).ConsumedAfter,
		"serialize-µs":   func(t *transport.Timeline) int64 { return t.Phases().Serialize },
		"transfer-µs":    func(t *transport.Timeline) int64 { return t.Phases().Transfer },
		"deserialize-µs": func(t *transport.Timeline) int64 { return t.Phases().Deserialize },
	} {
		values := make([]int64, len(timelines))
		for i := range timelines {
			values[i] = of(&timelines[i])
		}
		slices.Sort(values)
		b.ReportMetric(float64(values[len(values)/2])/1000, name)
	}
}
