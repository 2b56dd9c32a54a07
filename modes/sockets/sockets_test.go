package sockets_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
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
	return []transport.Transport{kernel.NewStream(), network.NewStream(), network.NewSplice(), network.NewZerocopy()}
}

func TestMain(m *testing.M) { transporttest.Main(m, all()...) }

func setup(engine string, size int64, fanout int) transport.Setup {
	return transport.Setup{
		Engine: engine, Guest: "c", Codec: transport.None, Payload: payloads.Text,
		Size: size, Fanout: fanout, Deadline: 20 * time.Second,
	}
}

// forEach runs a test with every transport on every engine of this program.
func forEach(t *testing.T, test func(t *testing.T, of transport.Transport, engine string)) {
	for _, of := range all() {
		for _, engine := range catalogue.Names() {
			t.Run(of.Info().Name+"/"+engine, func(t *testing.T) {
				if err := catalogue.Check(engine); err != nil {
					t.Skip(err)
				}
				before := transporttest.Descriptors(t)
				test(t, of, engine)
				transporttest.CheckDescriptors(t, before)
			})
		}
	}
}

func mustClose(t *testing.T, closers ...interface{ Close() error }) {
	t.Helper()
	for _, closer := range closers {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestHandoff(t *testing.T) {
	for _, fanout := range []int{1, 3} {
		t.Run(fmt.Sprint(fanout), func(t *testing.T) {
			forEach(t, func(t *testing.T, of transport.Transport, engine string) {
				// More than the pipe of network/splice holds, and no whole number of pages.
				transporttest.Exercise(t, of, setup(engine, 2_500_001, fanout), false)
				transporttest.Exercise(t, of, setup(engine, 300_000, fanout), true)
			})
		})
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
			for _, of := range all() {
				transporttest.Exercise(t, of, with, false)
			}
		})
	}
}

func TestSendAllocatesNothing(t *testing.T) {
	forEach(t, func(t *testing.T, of transport.Transport, engine string) {
		with := setup(engine, 1<<16, 1)
		target := transporttest.Serve(t, of, with)
		route := transporttest.Open(t, of, with, target.Endpoint())
		var handoff transport.Handoff
		transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Text, Size: 1 << 16}, &handoff)
		n := testing.AllocsPerRun(100, func() {
			if err := route.Send(&handoff); err != nil {
				t.Error(err)
			}
		})
		if n != 0 {
			t.Errorf("%v allocations a hand-off, source and target together", n)
		}
		mustClose(t, route, target)
	})
}

// Functions that misbehave as targets fail their own delivery, with the cause, and leave
// the others and the shim alone.
func TestHostileTargets(t *testing.T) {
	forEach(t, func(t *testing.T, of transport.Transport, engine string) {
		var opened []interface{ Close() error }
		var endpoints []transport.Endpoint
		names := []string{"handle-traps", "", "allocate-zero", "allocate-outside", "allocate-traps", "handle-exits", ""}
		for _, name := range names {
			with := setup(engine, 1<<20, len(names))
			if name != "" {
				with.Guest = hostile.File(t, name)
			}
			target := transporttest.Serve(t, of, with)
			opened, endpoints = append(opened, target), append(endpoints, target.Endpoint())
		}
		route := transporttest.Open(t, of, setup(engine, 1<<20, len(names)), endpoints...)
		digest, err := route.Prepare(payloads.Spec{Kind: payloads.Bytes, Seed: 1, Size: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		var handoff transport.Handoff
		for round := range 3 {
			if err := route.Send(&handoff); err != nil {
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
		mustClose(t, append(opened, route)...)
	})
}

func TestHostileSources(t *testing.T) {
	forEach(t, func(t *testing.T, of transport.Transport, engine string) {
		for _, name := range []string{"send-never", "send-traps", "send-lies-longer", "send-lies-shorter", "send-unallocated", "send-wraps"} {
			with := setup(engine, 1<<20, 1)
			target := transporttest.Serve(t, of, with)
			with.Guest = hostile.File(t, name)
			route := transporttest.Open(t, of, with, target.Endpoint())
			if _, err := route.Prepare(payloads.Spec{Kind: payloads.Text, Size: 1000}); err != nil {
				t.Fatal(err)
			}
			var handoff transport.Handoff
			if err := route.Send(&handoff); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), of.Info().Name) {
				t.Errorf("%s: error is %v", name, err)
			}
			mustClose(t, route, target)
		}
	})
}

func TestRefusals(t *testing.T) {
	forEach(t, func(t *testing.T, of transport.Transport, engine string) {
		ctx := context.Background()
		good := setup(engine, 1<<20, 1)
		json, noGuest, lacking := good, good, good
		json.Codec = transport.JSON
		noGuest.Guest = "/nowhere.wasm"
		lacking.Guest = hostile.File(t, "lacks-handle")
		for _, bad := range []transport.Setup{json, noGuest, lacking} {
			if target, err := of.Serve(ctx, bad); err == nil {
				mustClose(t, target)
				t.Errorf("serves %+v", bad)
			} else if !strings.Contains(err.Error(), of.Info().Name) {
				t.Error(err)
			}
		}
		target := transporttest.Serve(t, of, good)
		other := target.Endpoint()
		other.Transport = "http/native"
		for _, test := range []struct {
			setup     transport.Setup
			endpoints []transport.Endpoint
		}{
			{json, []transport.Endpoint{target.Endpoint()}},
			{noGuest, []transport.Endpoint{target.Endpoint()}},
			{good, nil},
			{good, []transport.Endpoint{other}},
		} {
			if route, err := of.Open(ctx, test.setup, test.endpoints); err == nil {
				mustClose(t, route)
				t.Errorf("opened %+v", test)
			} else if !strings.Contains(err.Error(), of.Info().Name) {
				t.Error(err)
			}
		}
		// What exceeds the agreement is refused before the target allocates anything.
		route := transporttest.Open(t, of, good, target.Endpoint())
		var handoff transport.Handoff
		if _, err := route.Prepare(payloads.Spec{Kind: payloads.Text, Size: 1<<20 + 1}); err != nil {
			t.Fatal(err)
		}
		if err := route.Send(&handoff); err != nil {
			t.Error(err)
		}
		if err := handoff.Deliveries[0].Err; err == nil || !strings.Contains(err.Error(), "longer than the 1048576 bytes") {
			t.Error(err)
		}
		transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Text, Size: 1 << 20}, &handoff)
		mustClose(t, route, target)
	})
}

// A target that dies, or stops, in the middle of a hand-off fails alone; the source keeps
// its memory and goes on with the others.
func TestTargetDiesOrStops(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(signal.String(), func(t *testing.T) {
			forEach(t, func(t *testing.T, of transport.Transport, engine string) {
				if engine != "wazero" {
					return // the sockets are the same
				}
				const size = 8 << 20
				with := setup(engine, size, 2)
				with.Deadline = 3 * time.Second
				survivor, victim := transporttest.Start(t, of, with), transporttest.Start(t, of, with)
				route := transporttest.Open(t, of, with, survivor.Endpoint, victim.Endpoint)
				spec := payloads.Spec{Kind: payloads.Bytes, Size: size}
				var handoff transport.Handoff
				transporttest.HandOver(t, route, spec, &handoff)
				spec.Seed = 1
				first, err := route.Prepare(spec)
				if err != nil {
					t.Fatal(err)
				}
				if signal == syscall.SIGSTOP {
					victim.Signal(t, signal)
				} else {
					time.AfterFunc(3*time.Millisecond, func() { victim.Signal(t, signal) })
				}
				for handoff.Deliveries[1].Err == nil {
					if err := route.Send(&handoff); err != nil {
						t.Fatal(err)
					}
					if d := handoff.Deliveries[0]; d.Err != nil || d.Digest != first {
						t.Errorf("the survivor: %+v", d)
					}
				}
				if err := handoff.Deliveries[1].Err; signal == syscall.SIGSTOP && !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error(err)
				}
				// The source's memory is whole: it sends the same again, and then anew.
				for seed := range uint64(2) {
					spec.Seed = 1 + seed
					digest := first
					if seed > 0 {
						if digest, err = route.Prepare(spec); err != nil {
							t.Fatal(err)
						}
					}
					if err := route.Send(&handoff); err != nil {
						t.Fatal(err)
					}
					if d := handoff.Deliveries[0]; d.Err != nil || d.Digest != digest {
						t.Errorf("the survivor, afterwards: %+v", d)
					}
					if err := handoff.Deliveries[1].Err; err == nil || !strings.Contains(err.Error(), "earlier failure") {
						t.Errorf("the victim, afterwards: %v", err)
					}
				}
				victim.Kill()
				mustClose(t, route, survivor)
			})
		})
	}
}
