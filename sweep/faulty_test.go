package sweep

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/shim"
	"rrbench/transport"
)

// faulty is a transport that moves nothing and fails as its parameter says: "STEP FAULT" or
// "STEP FAULT MOMENT". The step is one of the contract's; the moment is first, warm-up, window or
// round, the second measured one.
type faulty struct{}

const faultyWarmup = 2

func findFaulty(name string) (transport.Transport, error) { return machineOf(faulty{}).find(name) }

func (faulty) Info() transport.Info {
	return transport.Info{Name: "faulty", Runs: transport.Native, Codecs: []transport.Codec{transport.Raw}, Parameter: free("fault")}
}

// free is a parameter that takes any value.
func free(flag string) *transport.Parameter {
	return &transport.Parameter{Flag: flag, Read: func(string) (*transport.StandIn, error) { return nil, nil }}
}

func (faulty) Check() error { return nil }

func (faulty) Serve(_ context.Context, setup transport.Setup) (transport.Target, error) {
	f := parseFault(setup.Parameter)
	if err := f.strike("serve"); err != nil {
		return nil, err
	}
	return &faultyTarget{f}, nil
}

func (faulty) Open(_ context.Context, setup transport.Setup, targets []transport.Endpoint) (transport.Route, error) {
	f := parseFault(setup.Parameter)
	if err := f.strike("open"); err != nil {
		return nil, err
	}
	return &faultyRoute{fault: f}, nil
}

type fault struct{ step, kind, moment string }

func parseFault(text string) fault {
	words := append(strings.Fields(text), "", "", "")
	return fault{words[0], words[1], words[2]}
}

// strike makes the fault happen if it is of that step, unless it concerns deliveries.
func (f fault) strike(step string) error {
	if f.step != step {
		return nil
	}
	switch f.kind {
	case "fails":
		return errors.New("injected into " + step)
	case "hangs":
		time.Sleep(time.Hour)
	case "panics":
		panic("injected into " + step)
	case "exits":
		os.Exit(3)
	}
	return nil
}

type faultyTarget struct{ fault fault }

func (*faultyTarget) Endpoint() transport.Endpoint { return transport.Endpoint{Transport: "faulty"} }

func (t *faultyTarget) Close() error { return t.fault.strike("close-target") }

// faultySeed is the seed of plans with faults.
const faultySeed = 7

// ofWindows are the first seeds of the windows of all visits of such plans.
var ofWindows = sync.OnceValue(func() map[uint64]bool {
	const cells, blocks = 100, 3
	plan, seeds := Plan{Seed: faultySeed}, make(map[uint64]bool)
	for visit := range cells * blocks * 2 {
		batch := shim.Batch{Seed: plan.payloadSeed(Visit{visit / 2 % blocks, visit / 2 / blocks, visit%2 > 0}, 0)}
		for i := range 100 {
			seeds[batch.WindowSeed(i)] = true
		}
	}
	return seeds
})

type faultyRoute struct {
	fault
	spec payloads.Spec
	// prepared counts hand-offs of the first round and the warm-up, windowed those of the window, and
	// fresh those of the rounds after it.
	prepared, windowed, fresh int
}

func (r *faultyRoute) Prepare(spec payloads.Spec) error {
	r.spec = spec
	switch {
	case r.moment == "":
	case ofWindows()[spec.Seed]:
		r.windowed++
	case r.windowed > 0:
		r.fresh++
	default:
		r.prepared++
	}
	if r.now() {
		return r.strike("prepare")
	}
	return nil
}

func (*faultyRoute) Rehearse(payloads.Spec) error { return nil }

// now reports whether the fault's moment has come. Rounds that are not recorded come before those that are.
func (r *faultyRoute) now() bool {
	switch r.moment {
	case "first":
		return r.prepared == 1
	case "warm-up":
		return r.prepared == 1+faultyWarmup
	case "window":
		return r.windowed > 0 && r.fresh == 0
	case "round":
		return r.fresh == 1+2
	}
	return true
}

func (r *faultyRoute) Send(h *transport.Handoff) error {
	now := r.now()
	if now {
		if err := r.strike("send"); err != nil {
			h.Deliveries = nil
			return err
		}
	}
	h.Start = measure.Now()
	digest := r.spec.Digest()
	for i := range h.Deliveries {
		at := measure.Now()
		h.Deliveries[i] = transport.Delivery{Length: uint64(r.spec.Size), Digest: digest, Timeline: transport.Timeline{
			Start: h.Start, Serialized: at, CopiedOut: at, Received: at, CopiedIn: at, Delivered: at, Consumed: at, Acknowledged: at,
		}}
	}
	if !now || r.step != "send" {
		return nil
	}
	last := &h.Deliveries[len(h.Deliveries)-1]
	switch r.kind {
	case "answers-few":
		h.Deliveries = h.Deliveries[:len(h.Deliveries)-1]
	case "answers-none":
		h.Deliveries = nil
	case "answers-many":
		h.Deliveries = append(h.Deliveries, *last)
	case "answers-not":
		*last = transport.Delivery{}
	case "target-fails":
		last.Err = errors.New("injected into a delivery")
	case "wrong-length":
		last.Length--
	case "wrong-digest":
		last.Digest++
	case "wrong-moments":
		last.Timeline.Consumed = last.Timeline.Delivered - 1
	}
	return nil
}

func (r *faultyRoute) Close() error { return r.strike("close-route") }
