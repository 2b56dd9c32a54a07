package kernel

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	"rrbench/modes"
	"rrbench/modes/sockets"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/stream"
	"rrbench/transport/transporttest"
	"rrbench/workloads/hostile"
)

// opened is a route of kernel/memfd whose insides a test can look at.
type opened struct {
	transport.Route
	source  *modes.Function
	memfd   *memfd
	targets []transport.Target
	inside  []*guarded
	handoff transport.Handoff
}

func openInside(t *testing.T, engine string, size int64, guests ...string) *opened {
	t.Helper()
	with := setup(engine, size, len(guests))
	var targets []transport.Setup
	for _, guest := range guests {
		target := with
		target.Guest = guest
		targets = append(targets, target)
	}
	return openWith(t, with, targets...)
}

func openWith(t *testing.T, source transport.Setup, targets ...transport.Setup) *opened {
	t.Helper()
	o := &opened{}
	tr := *NewMemfd().(*sockets.Transport)
	tr.NewResolver = func(function *modes.Function) sockets.Resolver {
		g := &guarded{resolver: newResolver(function)}
		o.inside = append(o.inside, g)
		return g
	}
	newReferrer := tr.NewReferrer
	tr.NewReferrer = func(function *modes.Function, processes []int) (sockets.Referrer, error) {
		referrer, err := newReferrer(function, processes)
		o.source, o.memfd = function, referrer.(*memfd)
		return referrer, err
	}
	var endpoints []transport.Endpoint
	for _, target := range targets {
		served := transporttest.Serve(t, &tr, target)
		o.targets, endpoints = append(o.targets, served), append(endpoints, served.Endpoint())
	}
	o.Route = transporttest.Open(t, &tr, source, endpoints...)
	return o
}

func (o *opened) close(t *testing.T) {
	t.Helper()
	transporttest.MustClose(t, o.Route)
	for _, target := range o.targets {
		transporttest.MustClose(t, target)
	}
}

// What a target keeps never changes, whatever the source writes or sends afterwards, and
// the source does not see what the target writes.
func TestKeptPayloadsAreTheTargets(t *testing.T) {
	forEachEngine(t, func(t *testing.T, engine string) {
		const size = 100_000
		testKeptPayloads(t, engine, size, size)
		testKeptPayloads(t, engine, size, 16<<20) // without windows
	})
}

func testKeptPayloads(t *testing.T, engine string, size, longest int64) {
	o := openInside(t, engine, longest, hostile.Guest(t, "handle-keeps"), "c")
	defer o.close(t)
	keeper := o.inside[0]
	var want [][]byte
	for i := range 2 * heldLimit {
		spec := payloads.Spec{Kind: payloads.Bytes, Seed: uint64(i), Size: size}
		payload := make([]byte, size)
		payloads.Fill(payload, spec.Kind, spec.Seed)
		if err := o.Prepare(spec); err != nil {
			t.Fatal(err)
		}
		// The source writes, sends that, and writes again.
		o.memfd.region.Bytes()[size/2] ^= 0xff
		payload[size/2] ^= 0xff
		if err := o.Send(&o.handoff); err != nil {
			t.Fatal(err)
		}
		for at, b := range o.memfd.region.Bytes() {
			if b != 0 && b != payload[at] {
				t.Fatalf("the source sees %#x, which it has not sent", b)
			}
		}
		for target := range o.handoff.Deliveries {
			if got := o.handoff.Deliveries[target].Digest; got != payloads.Digest(payload) {
				t.Fatalf("target %d got something else", target)
			}
		}
		clear(o.memfd.region.Bytes())
		want = append(want, payload)
		keeper.check(t, want)
		// The target writes.
		keeper.lock.Lock()
		keeper.kept[i].region.Bytes()[i] ^= 0xff
		want[i][i] ^= 0xff
		keeper.lock.Unlock()
		for _, b := range o.source.Memory()[o.memfd.region.Pointer():][:size] {
			if b != 0 {
				t.Fatal("the source sees what a target wrote")
			}
		}
	}
	if n := len(o.memfd.held); n > heldLimit {
		t.Errorf("%d buffers are kept open", n)
	}
}

// check compares all that is kept.
func (g *guarded) check(t *testing.T, want [][]byte) {
	t.Helper()
	g.lock.Lock()
	defer g.lock.Unlock()
	if len(g.kept) != len(want) {
		t.Fatalf("%d payloads are kept, %d should be", len(g.kept), len(want))
	}
	for i, kept := range g.kept {
		if !bytes.Equal(kept.region.Bytes(), want[i]) {
			t.Fatalf("payload %d of %d has changed: %s", i, len(want), difference(kept.region.Bytes(), want[i]))
		}
	}
}

func difference(a, b []byte) string {
	for i := range a {
		if a[i] != b[i] {
			return fmt.Sprintf("byte %d is %#x and was %#x", i, a[i], b[i])
		}
	}
	return "none"
}

// turns is a resolver of one of several sources. Before the handler runs it has a test look at the
// function's window.
type turns struct {
	*resolver
	look func(window []byte)
}

func (s *turns) ForSource() stream.Receiver {
	return &turns{s.resolver.ForSource().(*resolver), s.look}
}

func (s *turns) Consume(d *transport.Delivery) error {
	if s.views.window != nil {
		s.look(s.views.window.Window())
	}
	return s.resolver.Consume(d)
}

// While a target handles what one source has sent, others prepare their next payloads: it sees nothing
// of them.
func TestTargetSeesNothingOfOtherSources(t *testing.T) {
	forEachEngine(t, func(t *testing.T, engine string) {
		const size = 100_000
		var prepared atomic.Pointer[[]byte]
		var looked atomic.Int64
		tr := *NewMemfd().(*sockets.Transport)
		tr.NewResolver = func(function *modes.Function) sockets.Resolver {
			return &turns{newResolver(function), func(window []byte) {
				looked.Add(1)
				if next := prepared.Load(); next != nil && bytes.Contains(window[:min(len(window), 2*size)], *next) {
					t.Error("the target sees what another source has prepared")
				}
			}}
		}
		with := setup(engine, size, 1)
		target := transporttest.Serve(t, &tr, with)
		var routes []transport.Route
		for range 2 {
			routes = append(routes, transporttest.Open(t, &tr, with, target.Endpoint()))
		}
		var handoff transport.Handoff
		for seed := range uint64(10) {
			route, other := routes[seed%2], routes[(seed+1)%2]
			transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size}, &handoff)
			spec := payloads.Spec{Kind: payloads.Bytes, Seed: 100 + seed, Size: size}
			if err := route.Prepare(spec); err != nil {
				t.Fatal(err)
			}
			whole := make([]byte, size)
			payloads.Fill(whole, spec.Kind, spec.Seed)
			part := whole[size/2 : size/2+64]
			prepared.Store(&part)
			transporttest.HandOver(t, other, payloads.Spec{Kind: payloads.Bytes, Seed: 200 + seed, Size: size}, &handoff)
		}
		if looked.Load() == 0 {
			t.Error("the function's window was never in use")
		}
		for _, route := range routes {
			transporttest.MustClose(t, route)
		}
		transporttest.MustClose(t, target)
	})
}
