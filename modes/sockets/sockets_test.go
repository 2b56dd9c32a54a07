package sockets_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"rrbench/engines/catalogue"
	"rrbench/modes/kernel"
	"rrbench/modes/network"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
	"rrbench/workloads"
	"rrbench/workloads/hostile"
)

func all() []transport.Transport {
	return []transport.Transport{
		kernel.NewStream(), kernel.NewRing(), network.NewStream(), network.NewSplice(), network.NewZerocopy(), network.NewAdaptive(network.DefaultCrossover),
	}
}

func TestMain(m *testing.M) { transporttest.Main(m, all()...) }

func setup(engine string, size int64, fanout int) transport.Setup {
	return transport.Setup{
		Engine: engine, Guest: "c", Codec: transport.None, Payload: payloads.Text,
		Size: size, Fanout: fanout, Deadline: 20 * time.Second,
	}
}

// forEach runs a test with every transport on every engine of this program.
func forEach(t *testing.T, test func(t *testing.T, tr transport.Transport, engine string)) {
	for _, tr := range all() {
		for _, engine := range catalogue.BuiltIn() {
			t.Run(tr.Info().Name+"/"+engine, func(t *testing.T) {
				if err := catalogue.Check(engine); err != nil {
					t.Skip(err)
				}
				before := transporttest.Descriptors(t)
				test(t, tr, engine)
				transporttest.CheckDescriptors(t, before)
			})
		}
	}
}

func TestConformance(t *testing.T) {
	for _, tr := range all()[2:] { // those of the kernel are run in their own package
		transporttest.Run(t, func() transport.Transport { return tr }, transporttest.Options{})
	}
}

func TestEveryGuest(t *testing.T) {
	for _, guest := range workloads.Guests() {
		t.Run(guest, func(t *testing.T) {
			if _, err := workloads.Guest(guest); err != nil {
				t.Skip(err)
			}
			with := setup("wazero", 300_000, 1)
			with.Guest = guest
			for _, tr := range all() {
				transporttest.Exercise(t, tr, with, false)
			}
		})
	}
}

// Functions that misbehave as targets fail their own delivery, with the cause, and leave
// the others and the shim alone.
func TestHostileTargets(t *testing.T) {
	forEach(t, func(t *testing.T, tr transport.Transport, engine string) {
		var opened []interface{ Close() error }
		var endpoints []transport.Endpoint
		names := []string{"handle-traps", "", "allocate-zero", "allocate-outside", "allocate-traps", "handle-exits", ""}
		for _, name := range names {
			with := setup(engine, 1<<20, len(names))
			if name != "" {
				with.Guest = hostile.Guest(t, name)
			}
			target := transporttest.Serve(t, tr, with)
			opened, endpoints = append(opened, target), append(endpoints, target.Endpoint())
		}
		route := transporttest.Open(t, tr, setup(engine, 1<<20, len(names)), endpoints...)
		spec := payloads.Spec{Kind: payloads.Bytes, Seed: 1, Size: 1 << 20}
		digest := spec.Digest()
		var handoff transport.Handoff
		for round := range 3 {
			if err := errors.Join(route.Prepare(spec), route.Send(&handoff)); err != nil {
				t.Fatal(err)
			}
			for i, name := range names {
				d := handoff.Deliveries[i]
				switch {
				case name == "" && (d.Err != nil || d.Digest != digest):
					t.Errorf("round %d: the good target %d: %+v", round, i, d)
				case name != "" && (d.Err == nil || !strings.Contains(d.Err.Error(), name)):
					t.Errorf("round %d: target %s: error is %v", round, name, d.Err)
				case name != "" && strings.Contains(d.Err.Error(), "connection"):
					t.Errorf("round %d: target %s lost its connection: %v", round, name, d.Err)
				}
			}
		}
		transporttest.MustClose(t, append(opened, route)...)
	})
}

func TestHostileSources(t *testing.T) {
	forEach(t, func(t *testing.T, tr transport.Transport, engine string) {
		for _, name := range []string{"send-never", "send-traps", "send-lies-longer", "send-lies-shorter", "send-unallocated", "send-wraps"} {
			with := setup(engine, 1<<20, 1)
			target := transporttest.Serve(t, tr, with)
			with.Guest = hostile.Guest(t, name)
			route := transporttest.Open(t, tr, with, target.Endpoint())
			if err := route.Prepare(payloads.Spec{Kind: payloads.Text, Size: 1000}); err != nil {
				t.Fatal(err)
			}
			var handoff transport.Handoff
			if err := route.Send(&handoff); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), tr.Info().Name) {
				t.Errorf("%s: error is %v", name, err)
			}
			transporttest.MustClose(t, route, target)
		}
	})
}
