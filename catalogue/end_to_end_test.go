package catalogue

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rrbench/baselines/redis"
	engines "rrbench/engines/catalogue"
	"rrbench/payloads"
	"rrbench/shim"
	"rrbench/shim/shimtest"
	"rrbench/transport"
	"rrbench/transport/transporttest"
	"rrbench/workloads/hostile"
)

// TestMain lets the test program be its own shim.
func TestMain(m *testing.M) {
	shimtest.Main(m, shimtest.Roles{
		"shim":               func() error { return shim.Serve(Find) },
		redis.StandInCommand: func() error { return redis.ServeStandIn(os.Stdin) },
	})
}

// cell is what a test runs: one source, its targets, and as many routes as workers.
type cell struct {
	transport transport.Transport
	setup     transport.Setup
	workers   int
	env       []string
}

// open starts a cell's shims and connects them. They are closed when the test ends.
func open(t *testing.T, c cell) *shim.Cell {
	t.Helper()
	launcher := shim.Child{Env: c.env}
	s, err := shim.StartCell(t.Context(), launcher, c.transport.Info(), c.setup)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := s.Close()
		if exit, ok := errors.AsType[*shim.ExitReason](err); ok && exit.How == "exited with status 66" {
			t.Errorf("%v\n%s", err, exit.Stderr)
		} else if err != nil && !t.Failed() {
			t.Log(err)
		}
	})
	if _, err := s.Connect(t.Context(), c.workers, 1); err != nil {
		t.Fatal(err)
	}
	return s
}

// kill sends SIGKILL to a shim.
func kill(t *testing.T, p *shim.Process) {
	t.Helper()
	pid, err := p.PID()
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		t.Error(err)
	}
}

// setups returns all engines and codecs with which a transport can run here.
func setups(t *testing.T, tr transport.Transport) []transport.Setup {
	t.Helper()
	info := tr.Info()
	names := []string{transport.NativeEngine}
	if info.Runs == transport.Wasm {
		names = slices.DeleteFunc(engines.Names(), func(name string) bool { return engines.Check(name) != nil })
	}
	var found []transport.Setup
	for _, engine := range names {
		for _, codec := range info.Codecs {
			found = append(found, transport.Setup{
				Engine: engine, Guest: "c", Codec: codec, Payload: payloads.Text,
				Fanout: 1, Deadline: 20 * time.Second,
			})
		}
	}
	return found
}

// each runs a test for every transport that is chosen, with every engine and codec that can run here.
func each(t *testing.T, chosen func(transport.Info) bool, test func(*testing.T, transport.Transport, transport.Setup)) {
	for _, tr := range All() {
		if !chosen(tr.Info()) {
			continue
		}
		if parameter := tr.Info().Parameter; parameter != nil && parameter.Needed != "" {
			t.Logf("left out: %s: %s; its own package tests it", tr.Info().Name, parameter.Needed)
			continue
		}
		racing := transporttest.Racing && tr.Info().Runs == transport.Wasm
		if tr.Info().Launcher == transport.LauncherRunc {
			continue // see package shim/runc
		}
		if err := tr.Check(); err != nil {
			t.Logf("left out: %v", err)
			continue
		}
		for _, setup := range setups(t, tr) {
			if racing && (tr.Info().Name == "http/wasi" || setup.Codec == transport.JSON || setup.Codec == transport.JSONStd) {
				t.Logf("left out: an engine under the race detector compiles the guest of %s, %s for minutes; its own package tests it", tr.Info().Name, setup.Codec)
				continue
			}
			t.Run(fmt.Sprintf("%s,%s,%s", tr.Info().Name, setup.Engine, setup.Codec), func(t *testing.T) {
				test(t, tr, setup)
			})
		}
	}
}

func all(transport.Info) bool { return true }

// apart are the transports between processes. Those that choose between others are left out here
// and below: their targets are those of what they choose.
func apart(info transport.Info) bool {
	return info.Hosting == transport.SeparateProcesses && info.Crossover() == nil
}

// guests are the transports whose functions follow the guest ABI, as the hostile ones do.
func guests(info transport.Info) bool {
	return info.Runs == transport.Wasm && slices.Contains(info.Codecs, transport.None) && info.Crossover() == nil
}

func run(t *testing.T, p *shim.Cell, batch shim.Batch) ([]shim.Record, error) {
	t.Helper()
	var records []shim.Record
	_, err := p.Run(t.Context(), batch, func(r shim.Record) error {
		records = append(records, r)
		return nil
	})
	return records, err
}

func batchOf(setup transport.Setup) shim.Batch {
	return shim.Batch{Payload: setup.Payload, Sizes: []int64{setup.Size}, Seed: 1, Warmup: 1, Rounds: 3, Deadline: setup.Deadline}
}

func TestEveryTransportDelivers(t *testing.T) {
	each(t, all, func(t *testing.T, tr transport.Transport, setup transport.Setup) {
		type shape struct {
			size            int64
			fanout, workers int
		}
		shapes := []shape{{65_537, 3, 1}, {3<<20 + 5, 2, 2}}
		if setup.Codec == transport.JSON || setup.Codec == transport.JSONStd {
			// It takes the same way as raw bytes do, and a guest's JSON takes long.
			shapes = []shape{{200_003, 2, 2}}
		}
		for _, c := range shapes {
			setup := setup
			setup.Size, setup.Fanout = c.size, c.fanout
			s := open(t, cell{transport: tr, setup: setup, workers: c.workers})
			batch := batchOf(setup)
			if c.workers == 1 {
				batch.Window = 20 * time.Millisecond
			}
			records, err := run(t, s, batch)
			if err != nil {
				t.Fatal(err)
			}
			if want := batch.Rounds * c.fanout * c.workers; len(records) != want {
				t.Fatalf("%+v: %d records instead of %d", c, len(records), want)
			}
			digests := map[uint64]bool{}
			for _, r := range records {
				if r.Err != nil {
					t.Fatalf("%+v: %v", c, r.Err)
				}
				if !ordered(r.Timeline) {
					t.Errorf("%+v: the moments are out of order: %+v", c, r.Timeline)
				}
				if r.CPUUser < 0 || r.CPUKernel < 0 || r.SoftIRQ < 0 || r.MinorFaults < 0 || r.ContextSwitches < 0 {
					t.Errorf("%+v: usage is negative: %+v", c, r)
				}
				digests[r.Digest] = true
			}
			if c.size > 8 && len(digests) != batch.Rounds*c.workers {
				t.Errorf("%+v: %d different payloads were sent instead of %d", c, len(digests), batch.Rounds*c.workers)
			}
		}
	})
}

func ordered(t transport.Timeline) bool {
	return t.Start > 0 && slices.IsSorted([]int64{
		t.Start, t.Serialized, t.CopiedOut, t.Received, t.CopiedIn, t.Delivered, t.Consumed, t.Acknowledged,
	})
}

// One codec is enough: it does not matter here.
func TestTargetShimIsKilled(t *testing.T) {
	each(t, apart, func(t *testing.T, tr transport.Transport, setup transport.Setup) {
		if setup.Codec != tr.Info().Codecs[0] {
			return
		}
		setup.Size, setup.Fanout = 1<<20, 2
		s := open(t, cell{transport: tr, setup: setup, workers: 1})
		batch := batchOf(setup)
		batch.Rounds = 1_000_000
		var once sync.Once
		var last shim.Record
		_, err := s.Run(t.Context(), batch, func(r shim.Record) error {
			once.Do(func() {
				kill(t, s.Shims()[2])
			})
			last = r
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if last.Target != 1 || last.Err == nil {
			t.Errorf("the last record is %+v", last)
		}
		if _, ok := errors.AsType[*shim.ExitReason](s.Ended()); !ok {
			t.Error("the cell does not know of the end")
		}
		if err := s.Shims()[2].Close(); err != nil {
			t.Errorf("close of the killed target: %v", err)
		}
	})
}

func TestGuestThatTraps(t *testing.T) {
	each(t, guests, func(t *testing.T, tr transport.Transport, setup transport.Setup) {
		setup.Guest, setup.Size = hostile.Guest(t, "handle-traps"), 1000
		for _, warmup := range []int{0, 1} {
			s := open(t, cell{transport: tr, setup: setup, workers: 1})
			batch := batchOf(setup)
			batch.Warmup = warmup
			records, err := run(t, s, batch)
			recorded := err == nil && len(records) == 1 && strings.Contains(fmt.Sprint(records[0].Err), "trapped")
			told := err != nil && len(records) == 0 && strings.Contains(err.Error(), "warm-up round 1 of 1") && strings.Contains(err.Error(), "trapped")
			if warmup == 0 && !recorded || warmup == 1 && !told {
				t.Errorf("after %d rounds of warm-up: %+v, %v", warmup, records, err)
			}
		}
	})
}

// A target's guest that loops for ever hangs its source's shim too where both are one, and takes the
// only processor from it where there is one only. The hosting decides which shim that is, so one
// transport of each is enough: what a target that does not answer does to a transport is in its conformance.
func TestGuestThatNeverReturns(t *testing.T) {
	hostings := func(info transport.Info) bool { return info.Name == "user/copy" || info.Name == "kernel/stream" }
	each(t, hostings, func(t *testing.T, tr transport.Transport, setup transport.Setup) {
		for _, env := range []string{"GOMAXPROCS=2", "GOMAXPROCS=1"} {
			t.Run(env, func(t *testing.T) {
				t.Parallel()
				setup := setup
				setup.Guest, setup.Size, setup.Deadline = hostile.Guest(t, "handle-loops"), 1000, 300*time.Millisecond
				s := open(t, cell{transport: tr, setup: setup, workers: 1, env: []string{env}})
				batch := batchOf(setup)
				batch.Warmup = 0
				records, err := run(t, s, batch)
				// A source apart from its target times out by itself, unless the machine
				// is too busy for it to come first.
				timedOut := apart(tr.Info()) && err == nil && len(records) == 1 && records[0].Err != nil
				if !timedOut && !errors.Is(err, transport.ErrNoAnswer) {
					t.Errorf("%+v, %v", records, err)
				}
				if err := s.Shims()[0].Close(); err != nil {
					t.Error(err)
				}
				if shims := s.Shims(); len(shims) > 1 {
					kill(t, shims[1]) // closing would wait for the guest first
				}
			})
		}
	})
}
