package user

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"rrbench/engines/catalogue"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
	"rrbench/workloads"
	"rrbench/workloads/hostile"
)

// serve makes a target that lives as long as the test.
func serve(tb testing.TB, setup transport.Setup) transport.Target {
	tb.Helper()
	return serveBy(tb, NewCopy(), setup)
}

func serveBy(tb testing.TB, by transport.Transport, setup transport.Setup) transport.Target {
	tb.Helper()
	target, err := by.Serve(context.Background(), setup)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := target.Close(); err != nil {
			tb.Error(err)
		}
	})
	return target
}

// openBy makes a route to these targets that lives as long as the test.
func openBy(tb testing.TB, by transport.Transport, setup transport.Setup, targets ...transport.Target) *route {
	tb.Helper()
	var endpoints []transport.Endpoint
	for _, target := range targets {
		endpoints = append(endpoints, target.Endpoint())
	}
	opened, err := by.Open(context.Background(), setup, endpoints)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := opened.Close(); err != nil {
			tb.Error(err)
		}
	})
	return opened.(*route)
}

func serveMany(tb testing.TB, by transport.Transport, setup transport.Setup, count int) []transport.Target {
	tb.Helper()
	var targets []transport.Target
	for range count {
		targets = append(targets, serveBy(tb, by, setup))
	}
	return targets
}

// all are the transports of this package.
func all() []transport.Transport {
	return []transport.Transport{NewCopy(), NewRemap(), NewMemfd(), NewAdaptive(DefaultCrossover)}
}

func eachTransport(t *testing.T, test func(t *testing.T, by transport.Transport)) {
	transporttest.SmallBlocks(t)
	for _, by := range all() {
		t.Run(by.Info().Name, func(t *testing.T) { test(t, by) })
	}
}

// enginesHere are those that this program can run.
func enginesHere(tb testing.TB) []string {
	var here []string
	for _, engine := range catalogue.BuiltIn() {
		if err := catalogue.Check(engine); err != nil {
			tb.Log(err)
			continue
		}
		here = append(here, engine)
	}
	return here
}

func check(t *testing.T, handoff *transport.Handoff, digest uint64, size int64) {
	t.Helper()
	for i := range handoff.Deliveries {
		delivery := &handoff.Deliveries[i]
		if delivery.Err != nil {
			t.Errorf("target %d: %v", i, delivery.Err)
			continue
		}
		if delivery.Digest != digest || delivery.Length != uint64(size) {
			t.Errorf("target %d has digest %016x of %d bytes, the source %016x of %d", i, delivery.Digest, delivery.Length, digest, size)
		}
		line := &delivery.Timeline
		moments := []int64{handoff.Start, line.Start, line.Serialized, line.CopiedOut, line.Received, line.CopiedIn, line.Delivered, line.Consumed, line.Acknowledged}
		for m := 1; m < len(moments); m++ {
			if moments[m] < moments[m-1] {
				t.Errorf("target %d: moment %d lies before the one before it: %v", i, m, moments)
			}
		}
		if line.Start == 0 || line.Latency() <= 0 || line.ConsumedAfter() < line.Latency() {
			t.Errorf("target %d: latency %d, consumed after %d", i, line.Latency(), line.ConsumedAfter())
		}
		phases := line.Phases()
		if sum := phases.Serialize + phases.CopyOut + phases.Transfer + phases.CopyIn + phases.Deserialize; sum != line.Latency() {
			t.Errorf("target %d: phases %+v add up to %d, latency is %d", i, phases, sum, line.Latency())
		}
	}
}

func TestConformance(t *testing.T) {
	for _, tr := range all() {
		transporttest.Run(t, func() transport.Transport { return tr }, transporttest.Options{})
	}
}

func TestEveryGuest(t *testing.T) {
	eachTransport(t, func(t *testing.T, by transport.Transport) {
		for _, guest := range workloads.Guests() {
			if _, err := workloads.Guest(guest); err != nil {
				t.Log(err)
				continue
			}
			transporttest.Exercise(t, by, transport.Setup{Engine: "wazero", Guest: guest, Codec: transport.None, Payload: payloads.Text, Size: 4 << 20, Fanout: 1}, false)
		}
	})
}

func TestFanOut(t *testing.T) {
	eachTransport(t, func(t *testing.T, by transport.Transport) {
		for _, engine := range enginesHere(t) {
			for _, fanout := range []int{2, 10, 50} {
				t.Run(fmt.Sprintf("%s/%d", engine, fanout), func(t *testing.T) {
					const size = 300_001
					setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: size, Fanout: fanout}
					route := openBy(t, by, setup, serveMany(t, by, setup, fanout)...)
					var handoff transport.Handoff
					for seed := range uint64(20) {
						spec := payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size}
						digest, err := spec.Digest(), route.Prepare(spec)
						if err != nil {
							t.Fatal(err)
						}
						if err := route.Send(&handoff); err != nil {
							t.Fatal(err)
						}
						if len(handoff.Deliveries) != fanout {
							t.Fatalf("%d deliveries", len(handoff.Deliveries))
						}
						check(t, &handoff, digest, size)
					}
				})
			}
		}
	})
}

// TestTargetsFailAlone has one good target between hostile ones.
func TestTargetsFailAlone(t *testing.T) {
	eachTransport(t, func(t *testing.T, by transport.Transport) {
		for _, engine := range enginesHere(t) {
			t.Run(engine, func(t *testing.T) {
				const size = 300_000
				setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: size}
				var targets []transport.Target
				names := []string{"handle-traps", "", "allocate-zero", "allocate-outside", "", "handle-exits"}
				for _, name := range names {
					own := setup
					if name != "" {
						own.Guest = hostile.Guest(t, name)
					}
					targets = append(targets, serveBy(t, by, own))
				}
				route := openBy(t, by, setup, targets...)
				spec := payloads.Spec{Kind: payloads.Text, Seed: 1, Size: size}
				digest := spec.Digest()
				var handoff transport.Handoff
				for range 3 {
					if err := errors.Join(route.Prepare(spec), route.Send(&handoff)); err != nil {
						t.Fatalf("the failure of a target is the route's: %v", err)
					}
					for i, name := range names {
						delivery := handoff.Deliveries[i]
						switch {
						case name == "" && (delivery.Err != nil || delivery.Digest != digest):
							t.Errorf("target %d suffers from others: %v", i, delivery.Err)
						case name != "" && delivery.Err == nil:
							t.Errorf("target %s did not fail", name)
						}
					}
				}
			})
		}
	})
}

func TestHostileSource(t *testing.T) {
	eachTransport(t, func(t *testing.T, by transport.Transport) {
		for _, engine := range enginesHere(t) {
			good := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: 300_000}
			target := serveBy(t, by, good)
			for _, name := range []string{"send-traps", "send-never", "send-lies-longer", "send-unallocated", "send-twice"} {
				bad := good
				bad.Guest = hostile.Guest(t, name)
				route := openBy(t, by, bad, target)
				if err := route.Prepare(payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 300_000}); err != nil {
					t.Fatal(err)
				}
				var handoff transport.Handoff
				if err := route.Send(&handoff); err == nil {
					t.Errorf("%s on %s succeeds", name, engine)
				}
			}
			route := openBy(t, by, good, target)
			spec := payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 300_000}
			digest, err := spec.Digest(), route.Prepare(spec)
			if err != nil {
				t.Fatal(err)
			}
			var handoff transport.Handoff
			if err := route.Send(&handoff); err != nil {
				t.Fatal(err)
			}
			check(t, &handoff, digest, 300_000)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	setup := transport.Setup{Engine: "wazero", Guest: "c", Codec: transport.None, Size: 100}
	here := serve(t, setup).Endpoint()
	closed := serve(t, setup)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	guessed := here
	guessed.Address = "1"
	for want, endpoints := range map[string][]transport.Endpoint{
		"named twice":   {here, here},
		`no target "1"`: {guessed},
		"keep it open":  {here, closed.Endpoint()},
	} {
		route, err := NewCopy().Open(context.Background(), setup, endpoints)
		if err == nil {
			route.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	lacking := setup
	lacking.Guest = hostile.Guest(t, "lacks-send")
	if _, err := NewCopy().Open(context.Background(), lacking, []transport.Endpoint{here}); err == nil || !strings.Contains(err.Error(), "does not export send") {
		t.Errorf("error %v", err)
	}
}

// TestRoutesInParallel has routes that share a target and routes that do not, and targets
// that close meanwhile.
func TestRoutesInParallel(t *testing.T) {
	eachTransport(t, func(t *testing.T, by transport.Transport) {
		for _, engine := range enginesHere(t) {
			t.Run(engine, func(t *testing.T) {
				const size = 300_000
				setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: size}
				shared, doomed := serveBy(t, by, setup), serveBy(t, by, setup)
				var group sync.WaitGroup
				for worker := range uint64(4) {
					route := openBy(t, by, setup, shared, serveBy(t, by, setup), doomed)
					group.Go(func() {
						var handoff transport.Handoff
						for round := range uint64(50) {
							spec := payloads.Spec{Kind: payloads.Bytes, Seed: worker<<32 + round, Size: size}
							digest, err := spec.Digest(), route.Prepare(spec)
							if err != nil {
								t.Error(err)
								return
							}
							if err := route.Send(&handoff); err != nil {
								t.Error(err)
								return
							}
							if handoff.Deliveries[0].Digest != digest || handoff.Deliveries[1].Digest != digest {
								t.Errorf("worker %d round %d: wrong digest", worker, round)
							}
							if err := handoff.Deliveries[2].Err; err != nil && !errors.Is(err, errTargetClosed) {
								t.Error(err)
							}
						}
					})
				}
				if err := doomed.Close(); err != nil {
					t.Error(err)
				}
				group.Wait()
			})
		}
	})
}

func TestTargetIsClosedTwice(t *testing.T) {
	setup := transport.Setup{Engine: "wazero", Guest: "c", Codec: transport.None}
	target, err := NewCopy().Serve(context.Background(), setup)
	if err != nil {
		t.Fatal(err)
	}
	if len(target.Endpoint().Address) < 20 || target.Endpoint().Transport != NewCopy().Info().Name {
		t.Errorf("endpoint %+v", target.Endpoint())
	}
	for range 2 {
		if err := target.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
