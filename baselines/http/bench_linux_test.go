package http

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// sizes of the benchmarks.
var sizes = []int64{64 << 10, 1 << 20, 10 << 20, 100 << 20}

// BenchmarkHandoff measures hand-offs with each codec: medians of latency (until B has a
// usable object), of its phases, and until B has read every byte.
func BenchmarkHandoff(b *testing.B) {
	for _, size := range sizes {
		b.Run("raw/"+payloads.FormatSize(size), func(b *testing.B) {
			benchmark(b, size, openNative(b, transport.Raw, payloads.Text, size))
		})
		for _, codec := range []transport.Codec{transport.JSON, transport.JSONStd} {
			for _, kind := range payloads.Kinds() {
				b.Run(fmt.Sprintf("%s-%s/%s", codec, kind, payloads.FormatSize(size)), func(b *testing.B) {
					benchmark(b, size, openNative(b, codec, kind, size))
				})
			}
		}
	}
}

// BenchmarkRawAgainstSocket alternates hand-offs with codec raw and the same bytes over a
// plain TCP socket, so that whatever else the machine does meets both. The ratio of the
// median latencies is what HTTP costs.
func BenchmarkRawAgainstSocket(b *testing.B) {
	for _, size := range sizes {
		b.Run(payloads.FormatSize(size), func(b *testing.B) {
			plain, native := openSocket(b, size), openNative(b, transport.Raw, payloads.Text, size)
			var socket, http samples
			for range 3 {
				plain.step(b)
				native.step(b)
			}
			b.ReportAllocs()
			for b.Loop() {
				socket.add(plain.step(b))
				http.add(native.step(b))
			}
			b.ReportMetric(socket.latency(), "socket-µs")
			b.ReportMetric(http.latency(), "http-µs")
			b.ReportMetric(http.latency()/socket.latency(), "ratio")
		})
	}
}

// sender hands the same payload over again and again.
type sender struct {
	send    func(*transport.Handoff) error
	digest  uint64
	handoff transport.Handoff
}

func (s *sender) step(b *testing.B) *transport.Timeline {
	if err := s.send(&s.handoff); err != nil {
		b.Fatal(err)
	}
	d := &s.handoff.Deliveries[0]
	if d.Err != nil || d.Digest != s.digest {
		b.Fatalf("digest %x, want %x: %v", d.Digest, s.digest, d.Err)
	}
	return &d.Timeline
}

func openNative(b *testing.B, codec transport.Codec, kind payloads.Kind, size int64) *sender {
	b.Helper()
	setup := transport.Setup{Codec: codec, Payload: kind, Size: size, Fanout: 1, Deadline: time.Minute}
	target, err := New().Serve(context.Background(), setup)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = target.Close() })
	route, err := New().Open(context.Background(), setup, []transport.Endpoint{target.Endpoint()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = route.Close() })
	spec := payloads.Spec{Kind: kind, Seed: 1, Size: size}
	digest, err := spec.Digest(), route.Prepare(spec)
	if err != nil {
		b.Fatal(err)
	}
	return &sender{send: route.Send, digest: digest, handoff: transport.Handoff{Deliveries: make([]transport.Delivery, 1)}}
}

// openSocket connects by the blocking sockets of package stream.
func openSocket(b *testing.B, size int64) *sender {
	b.Helper()
	listener, err := stream.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = listener.Close() })
	listener.Serve(stream.Service{Receiver: &memory{bytes: make([]byte, size)}})
	fan, err := stream.OpenFan(context.Background(), []transport.Endpoint{listener.Endpoint("socket")}, stream.FanOptions{Transport: "socket"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = fan.Close() })
	payload := make([]byte, size)
	payloads.Fill(payload, payloads.Text, 1)
	send := func(h *transport.Handoff) error {
		h.Start = measure.Now()
		fan.Send(payload, h)
		return nil
	}
	return &sender{send: send, digest: payloads.Digest(payload)}
}

func benchmark(b *testing.B, size int64, s *sender) {
	for range 3 {
		s.step(b)
	}
	var all samples
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		all.add(s.step(b))
	}
	b.ReportMetric(all.latency(), "latency-µs")
	b.ReportMetric(median(all, (*transport.Timeline).ConsumedAfter), "consumed-µs")
	b.ReportMetric(median(all, func(t *transport.Timeline) int64 { return t.Phases().Serialize }), "serialize-µs")
	b.ReportMetric(median(all, func(t *transport.Timeline) int64 { return t.Phases().Transfer }), "transfer-µs")
	b.ReportMetric(median(all, func(t *transport.Timeline) int64 { return t.Phases().Deserialize }), "deserialize-µs")
}

type samples []transport.Timeline

func (s *samples) add(t *transport.Timeline) { *s = append(*s, *t) }

func (s samples) latency() float64 { return median(s, (*transport.Timeline).Latency) }

// median is in microseconds.
func median(s samples, tr func(*transport.Timeline) int64) float64 {
	values := make([]int64, len(s))
	for i := range s {
		values[i] = tr(&s[i])
	}
	slices.Sort(values)
	return float64(values[len(values)/2]) / 1000
}

// memory is the plain socket's receiver: no function, one buffer.
type memory struct{ bytes, placed []byte }

func (m *memory) Place(n uint64) ([]byte, error) {
	m.placed = m.bytes[:n]
	return m.placed, nil
}

func (m *memory) Consume(d *transport.Delivery) error {
	d.Digest = payloads.Digest(m.placed)
	return nil
}

func (m *memory) Release() error { return nil }
