package user

import (
	"context"
	"fmt"
	"testing"

	"rrbench/payloads"
	"rrbench/transport"
)

func openForTest(tb testing.TB, setup transport.Setup, fanout int) transport.Route {
	tb.Helper()
	setup.Fanout = fanout
	setup.Codec = transport.None
	ctx := context.Background()
	var endpoints []transport.Endpoint
	for range fanout {
		target, err := NewCopy().Serve(ctx, setup)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := target.Close(); err != nil {
				tb.Error(err)
			}
		})
		endpoints = append(endpoints, target.Endpoint())
	}
	route, err := NewCopy().Open(ctx, setup, endpoints)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := route.Close(); err != nil {
			tb.Error(err)
		}
	})
	return route
}

func BenchmarkHandoff(b *testing.B) {
	for _, engine := range []string{"wazero", "wasmtime"} {
		for _, size := range []int64{64, 1024, 4096, 1 << 20, 10 << 20, 100 << 20} {
			b.Run(fmt.Sprintf("%s/%s", engine, payloads.FormatSize(size)), func(b *testing.B) {
				route := openForTest(b, transport.Setup{Engine: engine, Guest: "c", Size: size}, 1)
				if _, err := route.Prepare(payloads.Spec{Kind: payloads.Text, Seed: 1, Size: size}); err != nil {
					b.Fatal(err)
				}
				var handoff transport.Handoff
				b.SetBytes(size)
				b.ReportAllocs()
				for b.Loop() {
					if err := route.Send(&handoff); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
