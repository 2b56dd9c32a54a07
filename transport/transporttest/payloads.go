package transporttest

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/workloads/hostile"
)

// sizesTo go up and down, so that what an earlier payload has left shows.
func sizesTo(size int64) []int64 {
	page := int64(os.Getpagesize())
	return []int64{101, size, 1, page - 1, page + 1, page, 64 << 10, size - 3}
}

func testPayloads(t *testing.T, s *suite) {
	for _, codec := range s.codecs() {
		setup := s.setup(largest(), 1)
		setup.Codec = codec
		if codec.Serializes() {
			setup.Size = 200_001 // it takes its time
		}
		for i, kind := range payloads.Kinds() {
			setup.Payload, setup.Fanout = kind, 1
			if i == 0 {
				setup.Fanout = 3
			}
			c := s.connect(t, setup)
			c.handOverAll(t, setup)
			c.end(t)
		}
	}
}

// testOrigins hands payloads over from wherever they can lie, to targets that read or also write,
// together or one after the other. Where the source's function fills its buffers itself it is one that
// traps when it finds in them what it has not written.
func testOrigins(t *testing.T, s *suite) {
	for _, origin := range s.info.Origins {
		for _, consume := range []transport.Consume{transport.ConsumeRead, transport.ConsumeWrite} {
			for _, order := range []struct {
				fanout int
				serial bool
			}{{1, false}, {3, false}, {3, true}} {
				// What is written to is each target's own, at the same time or not.
				if order.serial && s.info.ParallelOnly || !order.serial && order.fanout > 1 && consume == transport.ConsumeWrite {
					continue
				}
				if order.fanout == 1 && testing.Short() {
					continue
				}
				setup := s.setup(min(2<<20+1, largest()), order.fanout)
				setup.Origin, setup.Consume, setup.Serial = origin, consume, order.serial
				t.Run(fmt.Sprintf("%s/%s/%+v", origin, consume, order), func(t *testing.T) { s.fromOrigin(t, setup) })
			}
		}
	}
}

func (s *suite) fromOrigin(t *testing.T, setup transport.Setup) {
	c := s.connect(t, setup)
	if setup.Origin != transport.OriginHost {
		MustClose(t, c.Route)
		setup.Guest = hostile.Guest(t, "produce-looks")
		c.Route = Open(t, s.open(), setup, c.endpoints()...)
	}
	for seed, size := range []int64{64, 100_000, setup.Size} {
		spec := payloads.Spec{Kind: payloads.Text, Seed: uint64(seed) << 32, Size: size}
		for range 3 {
			spec.Seed++
			c.handOver(t, spec)
			if setup.Serial {
				c.checkSerial(t)
			}
			if err := recycle(c.Route, size); err != nil {
				t.Fatal(err)
			}
		}
		if !s.options.Allocates && !testing.Short() {
			c.checkAllocations(t, spec, int(min(20, max(5, 1<<20/size))))
		}
		// It may change what it has made, as any target.
		if err := c.Rehearse(spec); err != nil {
			t.Error(err)
		}
		if err := c.Send(&c.handoff); err == nil && c.handoff.Deliveries[0].Err == nil {
			t.Error("what was rehearsed is sent")
		}
	}
	c.end(t)
}

// checkSerial wants each target to have consumed the payload before the next one gets it.
func (c *connection) checkSerial(t *testing.T) {
	t.Helper()
	for i := range c.handoff.Deliveries[1:] {
		if one, next := &c.handoff.Deliveries[i].Timeline, &c.handoff.Deliveries[i+1].Timeline; next.Delivered < one.Consumed {
			t.Errorf("target %d has its payload at %d, the one before consumed it at %d", i+1, next.Delivered, one.Consumed)
		}
	}
}

func (c *connection) endpoints() (all []transport.Endpoint) {
	for _, target := range c.targets {
		all = append(all, target.Endpoint())
	}
	return all
}

// Exercise hands payloads of all sizes over to several targets, in processes of their own or
// in this one, and checks every delivery. It is for setups that Run does not make.
func Exercise(t *testing.T, tr transport.Transport, setup transport.Setup, apart bool) {
	t.Helper()
	before := Descriptors(t)
	s := &suite{open: func() transport.Transport { return tr }}
	if apart {
		s.toProcesses(t, setup)
	} else {
		c := s.connect(t, setup)
		c.handOverAll(t, setup)
		c.end(t)
	}
	CheckDescriptors(t, before)
}

func testPayloadsToProcesses(t *testing.T, s *suite) { s.toProcesses(t, s.setup(300_000, 3)) }

func (s *suite) toProcesses(t *testing.T, setup transport.Setup) {
	t.Helper()
	c := &connection{}
	var processes []*Process
	var endpoints []transport.Endpoint
	for range setup.Fanout {
		p := Start(t, s.open(), setup)
		processes, endpoints, c.targets = append(processes, p), append(endpoints, p.Endpoint), append(c.targets, nil)
	}
	c.Route = Open(t, s.open(), setup, endpoints...)
	c.handOverAll(t, setup)
	MustClose(t, c.Route)
	for _, p := range processes {
		MustClose(t, p)
	}
}

// handOverAll hands payloads of all sizes up to the setup's over, each of them twice.
func (c *connection) handOverAll(t *testing.T, setup transport.Setup) {
	t.Helper()
	for i, size := range sizesTo(setup.Size) {
		spec := payloads.Spec{Kind: setup.Payload, Seed: 1<<63 + uint64(i), Size: size}
		c.handOver(t, spec)
		c.handOver(t, spec)
	}
}

// testTargetsThatWrite has targets change what they got, all at once and in turn, while the source
// rehearses between two hand-offs.
func testTargetsThatWrite(t *testing.T, s *suite) {
	for _, serial := range []bool{false, !s.info.ParallelOnly} {
		setup := s.setup(300_001, 3)
		setup.Consume, setup.Serial = transport.ConsumeWrite, serial
		c := s.connect(t, setup)
		for i, size := range sizesTo(setup.Size) {
			spec := payloads.Spec{Kind: setup.Payload, Seed: uint64(i), Size: size}
			c.handOver(t, spec)
			if err := c.Rehearse(spec); err != nil {
				t.Errorf("rehearse %+v: %v", spec, err)
			}
		}
		c.end(t)
	}
}

// Routes of one process do not know of one another.
func testSeveralRoutes(t *testing.T, s *suite) {
	const size = 300_000
	setup := s.setup(size, 2)
	var running sync.WaitGroup
	for worker := range uint64(3) {
		c := s.connect(t, setup)
		running.Go(func() {
			for round := range uint64(10) {
				HandOver(t, c.Route, payloads.Spec{Kind: payloads.Text, Seed: worker<<32 + round, Size: size}, &c.handoff)
			}
		})
		defer c.end(t)
	}
	running.Wait()
}

// Sources of one process share a target, which takes their payloads in turns.
func testSeveralSources(t *testing.T, s *suite) {
	const size = 300_000
	setup := s.setup(size, 1)
	c := s.connect(t, setup)
	var running sync.WaitGroup
	for source := range uint64(4) {
		route := c.Route
		if source > 0 {
			route = Open(t, s.open(), setup, c.targets[0].Endpoint())
			defer MustClose(t, route)
		}
		running.Go(func() {
			var handoff transport.Handoff
			for round := range uint64(10) {
				HandOver(t, route, payloads.Spec{Kind: payloads.Text, Seed: source<<32 + round, Size: size}, &handoff)
			}
		})
	}
	running.Wait()
	c.end(t)
}

// A target serves one source after the other.
func testSourcesComeAndGo(t *testing.T, s *suite) {
	setup := s.setup(1000, 1)
	c := s.connect(t, setup)
	for seed := range uint64(3) {
		c.handOver(t, payloads.Spec{Kind: payloads.Text, Seed: seed, Size: 1000})
		MustClose(t, c.Route)
		c.Route = Open(t, s.open(), setup, c.targets[0].Endpoint())
	}
	c.end(t)
}
