package shim

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"rrbench/control"
	"rrbench/foreign"
	"rrbench/measure"
	"rrbench/transport"
	"rrbench/workloads"
)

type server struct {
	control.UnimplementedShimServer
	find Find
	// address is where other shims reach this one.
	address string
	// turn belongs to the one call that may set functions up, run a batch, or close all. It guards the
	// fields below.
	turn      *semaphore.Weighted
	collector collector
	targets   []transport.Target
	workers   []*worker
	costs     costs
	// shut is set when all is closed, or its closing was given up.
	shut atomic.Bool
}

var errShut = errors.New("the shim has been shut down")

func (s *server) begin(ctx context.Context) error {
	if err := s.turn.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("a batch or a set-up is still running: %w", err)
	}
	if s.shut.Load() {
		s.end()
		return errShut
	}
	return nil
}

func (s *server) end() { s.turn.Release(1) }

func (s *server) Hello(_ context.Context, request *control.HelloRequest) (*control.HelloReply, error) {
	if parent := request.GetDriverPid(); parent != 0 {
		if err := dieWith(parent); err != nil {
			return nil, err
		}
	}
	s.address = request.GetAddress()
	return &control.HelloReply{Protocol: protocol, Pid: int64(os.Getpid())}, nil
}

func (s *server) Add(_ context.Context, request *control.AddRequest) (*control.AddReply, error) {
	if allowed, limited := os.LookupEnv(AllowedGuests); limited {
		if digest := fmt.Sprintf("%x", sha256.Sum256(request.GetModule())); !slices.Contains(strings.Split(allowed, ","), digest) {
			return nil, fmt.Errorf("guest %.100q, sha256:%s, is not one that may run here: allow it where the agent runs (--allow-guest)", request.GetGuest(), digest)
		}
	}
	workloads.Add(string(request.GetGuest()), request.GetModule())
	return &control.AddReply{}, nil
}

func (s *server) Serve(ctx context.Context, request *control.ServeRequest) (*control.ServeReply, error) {
	var endpoint transport.Endpoint
	err := s.setUp(ctx, request.GetTransport(), request.GetSetup(), func(t transport.Transport, setup transport.Setup) error {
		target, err := t.Serve(ctx, setup)
		if err != nil {
			return fmt.Errorf("serve %s: %w", request.GetTransport(), err)
		}
		s.targets = append(s.targets, target)
		endpoint = target.Endpoint()
		return nil
	})
	return &control.ServeReply{Endpoint: carry[control.Endpoint](&endpoint)}, err
}

func (s *server) Open(ctx context.Context, request *control.OpenRequest) (*control.OpenReply, error) {
	var endpoints []transport.Endpoint
	for _, target := range request.GetTargets() {
		endpoints = append(endpoints, *carry[transport.Endpoint](target))
	}
	err := s.setUp(ctx, request.GetTransport(), request.GetSetup(), func(t transport.Transport, setup transport.Setup) error {
		if len(endpoints) == 0 {
			return fmt.Errorf("open %s: a route needs at least one target", request.GetTransport())
		}
		route, err := t.Open(ctx, setup, endpoints)
		if err != nil {
			return fmt.Errorf("open %s: %w", request.GetTransport(), err)
		}
		s.workers = append(s.workers, newWorker(route, len(endpoints)))
		s.costs = costs{}
		return nil
	})
	return &control.OpenReply{}, err
}

func (s *server) setUp(ctx context.Context, name string, c *control.Setup, step func(transport.Transport, transport.Setup) error) error {
	t, err := s.find(name)
	if err != nil {
		return err
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	setup := *carry[transport.Setup](c)
	setup.Address = s.address
	debug.SetGCPercent(100) // as Environment has it: compilers allocate a lot
	err = step(t, setup)
	if errors.Is(err, transport.ErrNoAnswer) {
		// A collection would wait for the guest.
		return err
	}
	if err == nil {
		info := t.Info()
		s.collector.native = s.collector.native || info.Runs == transport.Native
		s.collector.expected += setup.Size * int64(info.CopiesAtSource+info.CopiesPerTarget)
	}
	s.collector.begin()
	return err
}

// Memory adds up the peaks of this process and of those that work for its functions.
func (s *server) Memory(ctx context.Context, _ *control.MemoryRequest) (*control.MemoryReply, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	// The usage of reading belongs to no hand-off.
	defer measure.TakeUsage()
	total, err := measure.SelfMemory()
	if err != nil {
		return nil, err
	}
	servers := make(map[transport.Server]bool)
	for _, worker := range s.workers {
		if served, ok := worker.route.(transport.Served); ok {
			servers[served.Server()] = true
		}
	}
	for server := range servers {
		memory, err := server.Memory()
		if err != nil {
			return nil, err
		}
		total = total.Add(memory)
	}
	return carry[control.MemoryReply](&total), nil
}

func (s *server) Shutdown(ctx context.Context, _ *control.ShutdownRequest) (*control.ShutdownReply, error) {
	reply := &control.ShutdownReply{}
	for _, err := range s.closeAll(ctx) {
		reply.Errors = append(reply.Errors, foreign.Error(err))
	}
	return reply, nil
}

// closeAll closes routes and then targets, the last made first. It gives up when the
// context ends: a guest that never returns keeps its route from closing.
func (s *server) closeAll(ctx context.Context) []error {
	if err := s.begin(ctx); err != nil {
		if errors.Is(err, errShut) {
			return nil
		}
		return []error{err}
	}
	s.shut.Store(true)
	closed := make(chan []error, 1)
	go func() {
		defer s.end()
		var failed []error
		for _, worker := range slices.Backward(s.workers) {
			if err := worker.route.Close(); err != nil {
				failed = append(failed, fmt.Errorf("close route: %w", err))
			}
		}
		for _, target := range slices.Backward(s.targets) {
			if err := target.Close(); err != nil {
				failed = append(failed, fmt.Errorf("close target: %w", err))
			}
		}
		closed <- failed
	}()
	select {
	case failed := <-closed:
		return failed
	case <-ctx.Done():
		return []error{fmt.Errorf("close routes and targets: %w", ctx.Err())}
	}
}

// collector prevents collections of garbage while guests run. The Go runtime cannot preempt a
// guest: a collection that begins meanwhile stops every other goroutine until the guest
// returns, which would add the guest's running time to another hand-off's latency. So where
// functions are WebAssembly, or there are none, it collects after each set-up and before a
// batch only: the data path allocates nothing. Native functions keep Go's collector, since it is
// a part of their cost.
type collector struct {
	native bool
	// expected is how much the functions' payloads may take, in bytes.
	expected int64
}

// slack is how much a process may allocate beyond its payloads before it collects nevertheless,
// in bytes. It protects the machine; a data path that allocates nothing never reaches it.
const slack = 1 << 30

// begin collects what a set-up or an earlier batch has left, and resets the memory peaks.
func (c *collector) begin() {
	debug.FreeOSMemory()
	if !c.native {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		debug.SetMemoryLimit(int64(stats.Sys-stats.HeapReleased) + c.expected + slack)
		debug.SetGCPercent(-1)
	}
	// Where the kernel cannot reset them, the peaks are those since the process began.
	_ = measure.ResetPeaks()
}
