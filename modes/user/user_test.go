package user

import (
	"fmt"
	"testing"

	"rrbench/modes/modestest"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// openBy makes a route to these targets that lives as long as the test.
func openBy(tb testing.TB, by transport.Transport, setup transport.Setup, targets ...transport.Target) *route {
	tb.Helper()
	var endpoints []transport.Endpoint
	for _, target := range targets {
		endpoints = append(endpoints, target.Endpoint())
	}
	return transporttest.Opening(tb, by, setup, endpoints...).(*route)
}

// openTo is openBy with a target of its own for the route.
func openTo(tb testing.TB, by transport.Transport, setup, target transport.Setup) *route {
	tb.Helper()
	return openBy(tb, by, setup, transporttest.Serving(tb, by, target))
}

// Moves returns how many hand-offs of this route moved pages, and how many copied the
// payload where pages should have moved: the engine's memory cannot, the kernel refused, or
// too many places are in use.
func (r *route) Moves() (moved, copied uint64) {
	return r.mover.moved.Load(), r.mover.copied.Load()
}

// handOver hands a payload over, and checks every delivery.
func handOver(t *testing.T, by *route, spec payloads.Spec) {
	t.Helper()
	var handoff transport.Handoff
	transporttest.HandOver(t, by, spec, &handoff)
}

func serveMany(tb testing.TB, by transport.Transport, setup transport.Setup, count int) []transport.Target {
	tb.Helper()
	var targets []transport.Target
	for range count {
		targets = append(targets, transporttest.Serving(tb, by, setup))
	}
	return targets
}

// all are the transports of this package.
func all() []transport.Transport {
	return []transport.Transport{NewCopy(), NewRemap(), NewMemfd(), NewAdaptive(DefaultCrossover)}
}

func TestConformance(t *testing.T) {
	for _, tr := range all() {
		transporttest.Run(t, func() transport.Transport { return tr }, transporttest.Options{})
	}
}

func TestFanOut(t *testing.T) {
	transporttest.SmallBlocks(t)
	for _, by := range all() {
		for _, engine := range modestest.Engines(t) {
			for _, fanout := range []int{2, 50} {
				t.Run(fmt.Sprintf("%s/%s/%d", by.Info().Name, engine, fanout), func(t *testing.T) {
					const size = 300_001
					setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: size, Fanout: fanout}
					route := openBy(t, by, setup, serveMany(t, by, setup, fanout)...)
					for seed := range uint64(10) {
						handOver(t, route, payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size})
					}
				})
			}
		}
	}
}
