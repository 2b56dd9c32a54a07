package redis

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// BenchmarkAgainstPlainClient alternates hand-offs with SET and GET of the same bytes, on
// the same server, by a client that does nothing else: what the protocol itself takes. The
// medians are those of the latency.
func BenchmarkAgainstPlainClient(b *testing.B) {
	for _, size := range []int64{64 << 10, 1 << 20, 10 << 20, 100 << 20} {
		for _, tr := range []variant{{New(), "unix"}, {NewPubSub(), "unix"}, {New(), "tcp"}, {NewLimit(), "unix"}} {
			b.Run(fmt.Sprintf("%s-%s/%s", tr.Info().Name, tr.parameter, payloads.FormatSize(size)), func(b *testing.B) {
				needServer(b)
				setup := tr.setup("wazero", size, 1)
				setup.Deadline = time.Minute
				opened := transporttest.Opening(b, tr, setup, transporttest.Serving(b, tr, setup).Endpoint())
				client, err := connect(b.Context(), opened.(*route).sender.server.url, "", time.Minute)
				if err != nil {
					b.Fatal(err)
				}
				defer client.Close()
				from, into := make([]byte, size), make([]byte, size)
				payloads.Fill(from, payloads.Text, 1)
				copy(into, from)
				var handoff transport.Handoff
				var through, direct []int64
				step := func() {
					transporttest.HandOver(b, opened, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: size}, &handoff)
					through = append(through, handoff.Deliveries[0].Timeline.Latency())
					start := measure.Now()
					if err := errors.Join(client.Set(b.Context(), "plain", from, time.Minute).Err(), client.GetToBuffer(b.Context(), "plain", into).Err()); err != nil {
						b.Fatal(err)
					}
					direct = append(direct, measure.Now()-start)
					if err := client.Del(b.Context(), "plain").Err(); err != nil {
						b.Fatal(err)
					}
				}
				for range 3 {
					step()
				}
				through, direct = nil, nil
				for b.Loop() {
					step()
				}
				slices.Sort(through)
				slices.Sort(direct)
				handOff, protocol := through[len(through)/2], direct[len(direct)/2]
				b.ReportMetric(float64(handOff)/1000, "handoff-µs")
				b.ReportMetric(float64(protocol)/1000, "plain-µs")
				b.ReportMetric(float64(handOff)/float64(protocol), "ratio")
			})
		}
	}
}
