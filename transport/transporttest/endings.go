package transporttest

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"rrbench/payloads"
	"rrbench/transport"
)

// Halves close in any order, and again; a closed route sends nothing.
func testClosing(t *testing.T, s *suite) {
	setup := s.setup(100_000, 2)
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}} {
		c := s.connect(t, setup)
		c.handOver(t, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: setup.Size})
		all := []interface{ Close() error }{c.Route, c.targets[0], c.targets[1]}
		for _, i := range order {
			MustClose(t, all[i], all[i])
			if i > 0 {
				continue
			}
			if err := c.Send(&c.handoff); err == nil {
				t.Error("a closed route sends")
			}
		}
	}
}

// doomed is a route to a target that lives and to another one.
type doomed struct {
	connection
	spec   payloads.Spec
	digest uint64
}

func (d *doomed) prepare(t *testing.T) {
	t.Helper()
	d.spec.Seed++
	var err error
	if d.digest, err = d.spec.Digest(), d.Prepare(d.spec); err != nil {
		t.Fatal(err)
	}
}

// send says whether the other target failed; the one that lives must not.
func (d *doomed) send(t *testing.T) (failed bool) {
	t.Helper()
	d.prepare(t)
	if err := d.Send(&d.handoff); err != nil {
		t.Fatalf("the failure of a target is the route's: %v", err)
	}
	if survivor := &d.handoff.Deliveries[0]; survivor.Err != nil || survivor.Digest != d.digest || survivor.Length != uint64(d.spec.Size) {
		t.Errorf("the survivor has %d bytes with digest %x, not %x: %v", survivor.Length, survivor.Digest, d.digest, survivor.Err)
	}
	return d.handoff.Deliveries[1].Err != nil
}

// until sends until the target has failed, which end brings about meanwhile, and then more: the
// source's memory is whole.
func (d *doomed) until(t *testing.T, end func()) {
	t.Helper()
	d.send(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		end()
	}()
	for last := false; !d.send(t); {
		if last {
			t.Error("hand-offs to a target succeed that is not there")
			return
		}
		select {
		case <-ended:
			last = true
		default:
		}
	}
	<-ended
	t.Log(d.handoff.Deliveries[1].Err)
	if !d.send(t) {
		t.Error("a target that has failed takes payloads")
	}
}

func doom(t *testing.T, s *suite, setup transport.Setup, survivor transport.Target, other transport.Endpoint) *doomed {
	t.Helper()
	route := Open(t, s.open(), setup, survivor.Endpoint(), other)
	return &doomed{connection{Route: route, targets: []transport.Target{survivor}}, payloads.Spec{Kind: payloads.Text, Size: setup.Size}, 0}
}

// A target that closes fails its own delivery.
func testTargetCloses(t *testing.T, s *suite) {
	setup := s.setup(1<<20, 2)
	closing := Serve(t, s.open(), setup)
	d := doom(t, s, setup, Serve(t, s.open(), setup), closing.Endpoint())
	d.until(t, func() { MustClose(t, closing) })
	d.end(t)
}

// A target whose process is killed, at whatever moment, does so too.
func testTargetIsKilled(t *testing.T, s *suite) {
	setup := s.setup(8<<20, 2)
	process := Start(t, s.open(), setup)
	d := doom(t, s, setup, Serve(t, s.open(), setup), process.Endpoint)
	d.until(t, process.Kill)
	d.end(t)
}

// A target that does nothing any more is waited for until the deadline. The one that lives has to keep that
// too, so it is long beside what a hand-off takes on this machine, as busy as it is.
func testTargetStops(t *testing.T, s *suite) {
	setup := s.setup(8<<20, 2)
	process := Start(t, s.open(), setup)
	survivor := Serve(t, s.open(), setup)
	began := time.Now()
	d := doom(t, s, setup, survivor, process.Endpoint)
	d.send(t)
	MustClose(t, d.Route)
	setup.Deadline = max(time.Second, 10*time.Since(began))
	d = doom(t, s, setup, survivor, process.Endpoint)
	d.until(t, func() { process.Stop(t) })
	process.Kill()
	d.end(t)
}

// Once all is warm, a hand-off allocates nothing, at the source and at the target.
func testNoAllocation(t *testing.T, s *suite) {
	for _, fanout := range []int{1, 3} {
		for _, size := range []int64{64, 64 << 10, 1 << 20} {
			c := s.connect(t, s.setup(size, fanout))
			c.checkAllocations(t, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: size}, 50)
			c.end(t)
		}
	}
}

// checkAllocations counts what sending and recycling allocate in some rounds, on a processor alone as
// testing.AllocsPerRun does.
func (c *connection) checkAllocations(t *testing.T, spec payloads.Spec, rounds int) {
	t.Helper()
	makeThreads()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	allocations := uint64(0)
	for round := range rounds + 2 {
		if err := c.Prepare(spec); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := errors.Join(c.Send(&c.handoff), recycle(c.Route, spec.Size)); err != nil {
			t.Error(err)
		}
		runtime.ReadMemStats(&after)
		if round > 1 {
			allocations += after.Mallocs - before.Mallocs
		}
	}
	if allocations >= uint64(rounds) {
		t.Errorf("%d bytes to %d targets: %d allocations in %d hand-offs", spec.Size, len(c.targets), allocations, rounds)
	}
}

// makeThreads has more threads be there than goroutines of hand-offs wait in system calls: which of them
// wait at the same time is chance, and what the runtime allocates for one more thread would count as theirs.
func makeThreads() {
	var begun, ended sync.WaitGroup
	all := make(chan struct{})
	for range 16 {
		begun.Add(1)
		ended.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			begun.Done()
			<-all
		})
	}
	begun.Wait()
	close(all)
	ended.Wait()
}

// recycle ends the cycle of a hand-off, where there is something to do.
func recycle(route transport.Route, size int64) error {
	if recycler, ok := route.(transport.Recycler); ok {
		return recycler.Recycle(size)
	}
	return nil
}

// What was closed leaves nothing behind.
func testNoLeak(t *testing.T, s *suite) {
	setup := s.setup(1<<20, 2)
	cycles := func(count int) {
		for seed := range uint64(count) {
			c := s.connect(t, setup)
			for _, size := range []int64{setup.Size, 100, setup.Size} {
				c.handOver(t, payloads.Spec{Kind: payloads.Text, Seed: seed, Size: size})
			}
			c.end(t)
		}
	}
	const count = 12
	cycles(2)
	before, goroutines := Held(t), runtime.NumGoroutine()
	cycles(count)
	// What was closed is allowed a moment to go.
	var after Holdings
	for range 200 {
		after = Held(t)
		if runtime.NumGoroutine() <= goroutines && after.Descriptors <= before.Descriptors && after.Mappings < before.Mappings+count {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines and %+v after %d more connections, %d and %+v before", runtime.NumGoroutine(), after, count, goroutines, before)
}
