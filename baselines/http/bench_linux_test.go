package http

import (
	"slices"
	"testing"

	"rrbench/baselines/limits"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// BenchmarkRawAgainstSocket alternates hand-offs with codec raw and the same bytes over a
// plain TCP socket, so that whatever else the machine does meets both. The ratio of the
// median latencies is what HTTP costs.
func BenchmarkRawAgainstSocket(b *testing.B) {
	all := limits.All()
	plain := all[slices.IndexFunc(all, func(t transport.Transport) bool { return t.Info().Name == "limit/tcp" })]
	for _, size := range []int64{64 << 10, 1 << 20, 10 << 20, 100 << 20} {
		b.Run(payloads.FormatSize(size), func(b *testing.B) {
			sender := func(tr transport.Transport) func() int64 {
				setup := setupOf(tr.Info().Codecs[0], payloads.Text, size)
				if setup.Codec.Serializes() {
					setup.Codec = transport.Raw
				}
				route := transporttest.Opening(b, tr, setup, transporttest.Serving(b, tr, setup).Endpoint())
				var handoff transport.Handoff
				return func() int64 {
					transporttest.HandOver(b, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: size}, &handoff)
					return handoff.Deliveries[0].Timeline.Latency()
				}
			}
			socket, http := sender(plain), sender(New())
			for range 3 {
				socket()
				http()
			}
			var sockets, https []int64
			for b.Loop() {
				sockets, https = append(sockets, socket()), append(https, http())
			}
			b.ReportMetric(median(sockets), "socket-µs")
			b.ReportMetric(median(https), "http-µs")
			b.ReportMetric(median(https)/median(sockets), "ratio")
		})
	}
}

// median is in microseconds.
func median(ns []int64) float64 {
	slices.Sort(ns)
	return float64(ns[len(ns)/2]) / 1000
}
