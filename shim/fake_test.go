package shim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/engines"
	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/workloads"
)

// fake is a transport that moves nothing. Setup.Guest names what goes wrong and when:
// "trap@2" traps in round 2 of a fakeBatch, "trap@-1" in the last of its warm-up.
type fake struct{}

var _ transport.Transport = fake{}

func findFake(name string) (transport.Transport, error) {
	if name != "fake" {
		return nil, fmt.Errorf("unknown transport %q: known are fake", name)
	}
	return fake{}, nil
}

func (fake) Info() transport.Info {
	return transport.Info{Name: "fake", Hosting: transport.SeparateProcesses, CopiesPerTarget: 1}
}

func (fake) Check() error { return nil }

func (fake) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	switch setup.Guest {
	case "unavailable transport":
		return nil, &transport.Unavailable{Transport: "fake", Reason: "it is Tuesday", Remedy: "wait"}
	case "unavailable engine":
		return nil, fmt.Errorf("load the guest: %w", &engines.Unavailable{Engine: "v8", Reason: "no v8 here", Remedy: "install it"})
	case "endless":
		select {}
	case "noise":
		fmt.Fprintf(os.Stderr, "%s\nlast words\n", strings.Repeat("x", 20<<10))
		os.Exit(3)
	}
	return &fakeTarget{setup}, nil
}

func (fake) Open(ctx context.Context, setup transport.Setup, targets []transport.Endpoint) (transport.Route, error) {
	for _, target := range targets {
		if string(target.Nonce) != "nonce" || target.Facts["guest"] != setup.Guest {
			return nil, fmt.Errorf("endpoint arrived as %+v", target)
		}
	}
	route := &fakeRoute{action: setup.Guest}
	if action, when, ok := strings.Cut(setup.Guest, "@"); ok {
		round, err := strconv.Atoi(when)
		if err != nil {
			return nil, err
		}
		batch := fakeBatch()
		route.action, route.seeds = action, map[uint64]bool{}
		for worker := range 4 {
			route.seeds[batch.SeedOf(round, worker)] = true
		}
	}
	return route, nil
}

type fakeTarget struct{ setup transport.Setup }

func (t *fakeTarget) Endpoint() transport.Endpoint {
	module, _ := workloads.Added(t.setup.Guest)
	return transport.Endpoint{
		Transport: "fake", Network: "none", Address: "nowhere",
		Nonce: []byte("nonce"), Facts: map[string]string{"guest": t.setup.Guest, "module bytes": strconv.Itoa(len(module))},
	}
}

func (t *fakeTarget) Close() error {
	if t.setup.Guest == "close" {
		return errors.New("the target would not close")
	}
	return nil
}

// fakeBatch is the batch that fakes know the seeds of.
func fakeBatch() Batch {
	return Batch{Payload: payloads.Text, Sizes: []int64{1000}, Seed: 42, Warmup: 2, Rounds: 5, Deadline: 10 * time.Second}
}

type fakeRoute struct {
	action string
	// seeds are those at which it goes wrong.
	seeds map[uint64]bool
	spec  payloads.Spec
	// sent: the prepared payload has been.
	sent bool
	// room is what Recycle was called with last, 0 where anything may come.
	room int64
}

// meeting counts the sends of one round that are under way; see the action "meet".
var meeting atomic.Int64

const (
	// recyclingTakes is how long Recycle does in the action "recycle".
	recyclingTakes = 100 * time.Microsecond
	// busyFor is how much CPU time making a payload takes in the action "busy", and handling it.
	busyFor = 200 * time.Microsecond
)

// busy uses CPU time.
func (r *fakeRoute) busy(times int) {
	if r.action != "busy" {
		return
	}
	for began := measure.SelfUsage().CPU(); measure.SelfUsage().CPU()-began < int64(times)*int64(busyFor); {
		meeting.Load()
	}
}

func (r *fakeRoute) Recycle(size int64) error {
	if r.action == "recycle" {
		time.Sleep(recyclingTakes)
	}
	r.room = size
	return nil
}

func (r *fakeRoute) Prepare(spec payloads.Spec) error {
	if r.room != 0 && r.room != spec.Size {
		return fmt.Errorf("room was made for %d bytes, not for %d", r.room, spec.Size)
	}
	r.busy(1)
	if r.action == "prepare" && r.seeds[spec.Seed] {
		return errors.New("no memory for the payload")
	}
	r.spec, r.sent = spec, false
	return nil
}

func (r *fakeRoute) Rehearse(payloads.Spec) error {
	r.busy(2)
	r.room = 0
	return nil
}

func (r *fakeRoute) Send(handoff *transport.Handoff) error {
	if r.sent {
		return errors.New("the payload has been sent already")
	}
	r.sent = true
	handoff.Start = measure.Now()
	handoff.Server = measure.Usage{KernelNs: 7 * int64(len(handoff.Deliveries))}
	for i := range handoff.Deliveries {
		now := measure.Now()
		handoff.Deliveries[i] = transport.Delivery{
			Timeline: transport.Timeline{
				Start: handoff.Start, Serialized: now, CopiedOut: now, Received: now,
				CopiedIn: now, Delivered: now, Consumed: now, Acknowledged: now,
			},
			Length: uint64(r.spec.Size),
			Digest: r.spec.Digest(),
			Usage:  measure.Usage{UserNs: 1000, KernelNs: 3000, MinorFaults: 2, ContextSwitches: 1},
		}
	}
	switch r.action {
	case "slow":
		time.Sleep(60 * time.Millisecond)
	case "faults":
		// The source takes page faults, and each target, in the same process, as many. So does a server.
		handoff.Server.MinorFaults = faultsOfOne
		touch(faultsOfOne)
		for i := range handoff.Deliveries {
			touch(faultsOfOne)
			handoff.Deliveries[i].Usage = measure.TakeUsage()
		}
		touch(faultsOfOne)
	case "meet":
		// Returns only when four sends are under way at once.
		meeting.Add(1)
		for meeting.Load()%4 != 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if !r.seeds[r.spec.Seed] {
		return nil
	}
	last := &handoff.Deliveries[len(handoff.Deliveries)-1]
	switch r.action {
	case "digest":
		last.Digest++
	case "short":
		last.Length--
	case "target":
		last.Err = errors.New("the target is gone")
	case "trap":
		return &engines.Trap{Function: "send", Cause: errors.New("unreachable\xff executed")}
	case "spin":
		for {
			meeting.Load()
		}
	case "panic":
		panic("out of luck")
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "late":
		time.Sleep(400 * time.Millisecond)
		return errors.New("timed out by itself")
	}
	return nil
}

// faultsOfOne is how many page faults each takes in the action "faults".
const faultsOfOne = 5000

// touch takes page faults.
func touch(faults int) {
	page := os.Getpagesize()
	memory, err := unix.Mmap(-1, 0, faults*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		panic(err)
	}
	_ = unix.Madvise(memory, unix.MADV_NOHUGEPAGE)
	for i := range faults {
		memory[i*page] = 1
	}
	if err := unix.Munmap(memory); err != nil {
		panic(err)
	}
}

// fakeServer has memory in the actions that begin with "server".
type fakeServer string

// serverMemory is much more than a shim's own.
const serverMemory = 1 << 40

func (s fakeServer) Memory() (memory measure.Memory, err error) {
	if strings.HasPrefix(string(s), "server") {
		memory = measure.Memory{RSSPeak: serverMemory, PSSPeak: serverMemory}
	}
	return memory, nil
}

func (r *fakeRoute) Server() transport.Server { return fakeServer(r.action) }

func (r *fakeRoute) Close() error {
	if r.action == "close" {
		return errors.New("the route would not close")
	}
	return nil
}
