package redis

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
)

// BenchmarkAgainstPlainClient alternates hand-offs with SET and GET of the same bytes, on
// the same server, by a client that does nothing else: what the protocol itself takes. The
// medians are those of the latency.
func BenchmarkAgainstPlainClient(b *testing.B) {
	for _, size := range []int64{64 << 10, 1 << 20, 10 << 20, 100 << 20} {
		for _, of := range []transport.Transport{New(Unix), NewPubSub(Unix), New(TCP)} {
			network := of.(relay).network
			b.Run(fmt.Sprintf("%s-%s/%s", of.Info().Name, network, payloads.FormatSize(size)), func(b *testing.B) {
				setup := setupOf("wazero", size, 1)
				setup.Deadline = time.Minute
				target, err := of.Serve(context.Background(), setup)
				if err != nil {
					b.Fatal(err)
				}
				defer target.Close()
				opened, err := of.Open(context.Background(), setup, []transport.Endpoint{target.Endpoint()})
				if err != nil {
					b.Fatal(err)
				}
				defer opened.Close()
				if _, err := opened.Prepare(payloads.Spec{Kind: payloads.Text, Seed: 1, Size: size}); err != nil {
					b.Fatal(err)
				}
				plain := newPlain(b, opened.(*route).server.place, size)
				var handoff transport.Handoff
				var through, direct []int64
				step := func() {
					if err := opened.Send(&handoff); err != nil || handoff.Deliveries[0].Err != nil {
						b.Fatal(err, handoff.Deliveries[0].Err)
					}
					through = append(through, handoff.Deliveries[0].Timeline.Latency())
					direct = append(direct, plain.setAndGet(b))
				}
				for range 3 {
					step()
				}
				through, direct = nil, nil
				b.ReportAllocs()
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

// plain speaks the protocol by hand.
type plain struct {
	connection net.Conn
	from       *bufio.Reader
	set, value []byte
}

func newPlain(b *testing.B, at place, size int64) *plain {
	b.Helper()
	connection, err := dial(b.Context(), string(at.Network), at.Address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = connection.Close() })
	p := &plain{connection: connection, from: bufio.NewReader(connection), value: make([]byte, size+2)}
	p.set = fmt.Appendf(nil, "*3\r\n$3\r\nSET\r\n$5\r\nplain\r\n$%d\r\n", size)
	header := len(p.set)
	p.set = append(p.set, make([]byte, size+2)...)
	payloads.Fill(p.set[header:header+int(size)], payloads.Text, 1)
	copy(p.set[header+int(size):], "\r\n")
	p.command(b, fmt.Appendf(nil, "*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n", len(at.Password), at.Password))
	return p
}

func (p *plain) command(b *testing.B, command []byte) (line string) {
	if _, err := p.connection.Write(command); err != nil {
		b.Fatal(err)
	}
	line, err := p.from.ReadString('\n')
	if err != nil || line[0] == '-' {
		b.Fatal(line, err)
	}
	return line
}

// setAndGet returns how long the two commands took, in nanoseconds.
func (p *plain) setAndGet(b *testing.B) int64 {
	start := measure.Now()
	p.command(b, p.set)
	p.command(b, []byte("*2\r\n$3\r\nGET\r\n$5\r\nplain\r\n"))
	if _, err := io.ReadFull(p.from, p.value); err != nil {
		b.Fatal(err)
	}
	took := measure.Now() - start
	p.command(b, []byte("*2\r\n$3\r\nDEL\r\n$5\r\nplain\r\n"))
	return took
}
