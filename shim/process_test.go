package shim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rrbench/child"
	"rrbench/engines"
	"rrbench/measure"
	"rrbench/transport"
)

func startChild(ctx context.Context, name string) (*Process, error) {
	return Start(ctx, Child{}, name, transport.Native)
}

func pidOf(t *testing.T, p *Process) int {
	t.Helper()
	pid, err := p.PID()
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// startFake starts a shim, closes it when the test ends, and checks then that it has left
// nothing behind.
func startFake(t *testing.T, name string) *Process {
	t.Helper()
	p, err := startChild(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Close also reports a data race in the shim, which exits with status 66 then.
		err := p.Close()
		if exit, ok := errors.AsType[*ExitReason](err); ok && exit.How == "exited with status 66" {
			t.Errorf("%v\n%s", err, exit.Stderr)
		}
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pidOf(t, p))); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the shim is still there after Close: %v", err)
		}
	})
	return p
}

// openFake opens workers in p, each to fanout targets.
func openFake(t *testing.T, p *Process, guest string, workers, fanout int) {
	t.Helper()
	setup := transport.Setup{Guest: guest, Size: 1000, Fanout: fanout}
	for range workers {
		endpoints := make([]transport.Endpoint, fanout)
		for i := range endpoints {
			var err error
			if endpoints[i], err = p.Serve(t.Context(), "fake", setup); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Open(t.Context(), "fake", setup, endpoints); err != nil {
			t.Fatal(err)
		}
	}
}

// openedFake starts a source with such workers.
func openedFake(t *testing.T, guest string, workers, fanout int) *Process {
	t.Helper()
	p := startFake(t, "source")
	openFake(t, p, guest, workers, fanout)
	return p
}

// runFake runs a batch and returns its records.
func runFake(t *testing.T, p *Process, batch Batch) ([]Record, error) {
	t.Helper()
	var records []Record
	_, err := p.Run(t.Context(), batch, func(r Record) error {
		records = append(records, r)
		return nil
	})
	return records, err
}

func TestRunRecordsEveryHandoff(t *testing.T) {
	for _, c := range []struct{ workers, fanout, rounds int }{{1, 1, 5}, {1, 7, 3}, {4, 3, 4}, {1, 1, 10_000}, {2, 100, 20}} {
		t.Run(fmt.Sprintf("%d workers, %d targets, %d rounds", c.workers, c.fanout, c.rounds), func(t *testing.T) {
			p := openedFake(t, "", c.workers, c.fanout)
			batch := fakeBatch()
			batch.Rounds = c.rounds
			records, err := runFake(t, p, batch)
			if err != nil {
				t.Fatal(err)
			}
			if want := c.workers * c.fanout * c.rounds; len(records) != want {
				t.Fatalf("%d records instead of %d", len(records), want)
			}
			i := 0
			for round := range c.rounds {
				for worker := range c.workers {
					for target := range c.fanout {
						r := records[i]
						i++
						seed := batch.SeedOf(round, worker)
						if r.Err != nil || r.Round != round || r.Worker != worker || r.Target != target ||
							r.Seed != seed || r.Digest != batch.Spec(seed).Digest() || r.Expected != r.Digest || r.Length != 1000 {
							t.Fatalf("round %d, worker %d, target %d is %+v", round, worker, target, r)
						}
						if r.Timeline.Latency() < 0 || r.Timeline.Start == 0 || r.CPUUser < 1000 || r.CPUKernel < 3000 || r.MinorFaults < 2 {
							t.Fatalf("timeline and usage did not arrive: %+v", r)
						}
					}
				}
			}
		})
	}
}

// Go's settings in this process' environment do not reach a shim.
func TestShimsHaveTheirOwnGoEnvironment(t *testing.T) {
	for _, name := range measure.GoVariables {
		t.Setenv(name, map[string]string{"GODEBUG": "gctrace=0", "GOMAXPROCS": "1"}[name])
	}
	t.Setenv("GOMEMLIMIT", "1MiB")
	p := startFake(t, "source")
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pidOf(t, p)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for setting := range strings.SplitSeq(string(environment), "\x00") {
		if name, _, _ := strings.Cut(setting, "="); slices.Contains(measure.GoVariables, name) {
			got = append(got, setting)
		}
	}
	if want := Environment(transport.Native); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A guest that is not built in is given to a shim, however large it is.
func TestAddGivesAGuestToAShim(t *testing.T) {
	p := startFake(t, "source")
	for _, module := range [][]byte{[]byte("small"), make([]byte, engines.MaxModule)} {
		if err := p.Add(t.Context(), "own", module); err != nil {
			t.Fatal(err)
		}
		endpoint, err := p.Serve(t.Context(), "fake", transport.Setup{Guest: "own"})
		if want := fmt.Sprint(len(module)); err != nil || endpoint.Facts["module bytes"] != want {
			t.Errorf("%v, %v, want %s", endpoint.Facts, err, want)
		}
	}
}

// The usage of a process is counted once in its hand-offs, though its targets and its runner read it in
// parts.
func TestUsageIsCountedOnce(t *testing.T) {
	const workers, fanout = 2, 3
	p := openedFake(t, "faults", workers, fanout)
	batch := fakeBatch()
	batch.Rounds = 3
	records, err := runFake(t, p, batch)
	if err != nil {
		t.Fatal(err)
	}
	byRound := make([]float64, batch.Rounds)
	for _, r := range records {
		byRound[r.Round] += r.MinorFaults
	}
	// The program itself takes a few more.
	const want = workers * (fanout + 3) * faultsOfOne
	for round, got := range byRound {
		if got = math.Round(got); got < want || got > want*1.2 {
			t.Errorf("round %d: %.0f page faults were counted, %d were taken", round, got, want)
		}
	}
}

func TestWindowSplitsCPUTime(t *testing.T) {
	p := openedFake(t, "slow", 1, 1)
	batch := fakeBatch()
	batch.Warmup, batch.Window = 0, 100*time.Millisecond
	first, err := runFake(t, p, batch)
	if err != nil {
		t.Fatal(err)
	}
	batch.Window = 0
	second, err := runFake(t, p, batch)
	if err != nil {
		t.Fatal(err)
	}
	share := func(r Record) float64 { return float64(r.CPUUser) / float64(r.CPUUser+r.CPUKernel) }
	want := share(first[0])
	for _, r := range append(first, second...) {
		// The records' CPU times are whole nanoseconds out of 4000 and more.
		if got := share(r); got < want-0.001 || got > want+0.001 {
			t.Errorf("%.4f of the CPU time is user time instead of %.4f: %+v", got, want, r)
		}
	}
}

// runWindow runs a batch of no more than a window.
func runWindow(t *testing.T, p *Process, batch Batch) Window {
	t.Helper()
	batch.Warmup, batch.Rounds = 0, 0
	window, err := p.Run(t.Context(), batch, func(r Record) error {
		t.Errorf("a window has no records: %+v", r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return window
}

func TestWindowCountsEveryHandoff(t *testing.T) {
	const workers, fanout = 3, 2
	p := openedFake(t, "recycle", workers, fanout)
	batch := fakeBatch()
	batch.Sizes = []int64{1000, 2000, 10_000}
	batch.Window, batch.Least = time.Millisecond, 50
	w := runWindow(t, p, batch)
	if w.OK != w.Tried || w.Failed != 0 || w.OK < workers*fanout*batch.Least || w.OK%fanout != 0 || w.Reason != "" {
		t.Errorf("%+v", w)
	}
	if w.Latencies.TotalCount() != int64(w.OK) || w.Ns < int64(batch.Window) {
		t.Errorf("%d latencies of %+v", w.Latencies.TotalCount(), w)
	}
	if mean := w.Bytes / int64(w.OK); mean <= 1000 || mean >= 10_000 {
		t.Errorf("payloads had %d bytes on average", mean)
	}
	// The fake reports this for each delivery, and for a server.
	if want := int64(w.OK) * 3000; w.Targets.KernelNs != want || w.Server.KernelNs != int64(w.OK)*7 || w.Source.CPU() <= 0 {
		t.Errorf("targets used %+v, want %d; the server %+v, the source %+v", w.Targets, want, w.Server, w.Source)
	}
}

// Each worker begins when a hand-off is due, however long the one before took.
func TestWindowKeepsARate(t *testing.T) {
	p := openedFake(t, "", 2, 1)
	batch := fakeBatch()
	batch.Window, batch.Least, batch.Rate = 200*time.Millisecond, 10, 100
	if w := runWindow(t, p, batch); w.OK < 20 || time.Duration(w.OK-1)*10*time.Millisecond > time.Duration(w.Ns) {
		t.Errorf("%d hand-offs in %v at a rate of %d", w.OK, time.Duration(w.Ns), batch.Rate)
	}
	batch.Least = 2
	// This one takes 60 ms a hand-off: later ones wait, which counts in their latency.
	slow := openedFake(t, "slow", 1, 1)
	w := runWindow(t, slow, batch)
	if late := time.Duration(w.OK-1) * (60 - 10) * time.Millisecond; w.OK < 2 || w.Latencies.Max() < int64(late) {
		t.Errorf("%d hand-offs, the last %v late, at least %v are right", w.OK, time.Duration(w.Latencies.Max()), late)
	}
}

func TestWindowFails(t *testing.T) {
	for _, c := range []struct {
		action     string
		fanout, ok int
		reason     string
		noAnswer   bool
		text       string
	}{
		{"target", 2, 3, "worker 0, target 1: the target is gone", false, "window: worker 0, target 1: the target is gone"},
		{"spin", 1, 1, "the last hand-off did not end", true, "no answer within 300ms: a hand-off of the window is still under way (--deadline)"},
	} {
		p := openedFake(t, fmt.Sprintf("%s@%d", c.action, windowRound+1), 1, c.fanout)
		batch := fakeBatch()
		batch.Window, batch.Least, batch.Deadline = time.Millisecond, 10, 300*time.Millisecond
		w, err := p.Run(t.Context(), batch, func(r Record) error { return fmt.Errorf("a record: %+v", r) })
		if w.Tried != c.ok+1 || w.OK != c.ok || w.Failed != 1 || w.Reason != c.reason {
			t.Errorf("%s: %+v", c.action, w)
		}
		if err == nil || err.Error() != "shim source: "+c.text || errors.Is(err, transport.ErrNoAnswer) != c.noAnswer {
			t.Errorf("%s: %v", c.action, err)
		}
	}
}

// The first round of fresh functions is a record of its own, the cycle ends with Recycle.
func TestFirstRoundAndCycle(t *testing.T) {
	p := openedFake(t, "recycle", 2, 2)
	batch := fakeBatch()
	batch.First, batch.Rounds = true, 3
	records, err := runFake(t, p, batch)
	if err != nil || len(records) != 4*4 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for i, r := range records {
		if first := i < 4; r.First != first || r.Round != max(i/4-1, 0) || r.Err != nil {
			t.Errorf("record %d: %+v", i, r)
		}
		if r.Cycle < int64(recyclingTakes) || r.Cycle <= r.Timeline.ConsumedAfter() {
			t.Errorf("a cycle of %d ns, of which recycling takes %v", r.Cycle, recyclingTakes)
		}
	}
	// Where it fails nothing follows.
	broken := openedFake(t, fmt.Sprintf("digest@%d", firstRound), 1, 1)
	if records, err := runFake(t, broken, batch); err != nil || len(records) != 1+3 || records[0].Err == nil {
		t.Errorf("%+v, %v", records, err)
	}
}

// The functions' own CPU time is known: each target of a fan-out has a share of making the
// payload.
func TestWindowKnowsFunctions(t *testing.T) {
	for _, fanout := range []int{1, 10} {
		p := openedFake(t, "busy", 1, fanout)
		batch := fakeBatch()
		batch.Window = time.Millisecond
		w := runWindow(t, p, batch)
		// It makes for one, and handles for one.
		want := float64(busyFor) * (1 + 1/float64(fanout))
		if w.FunctionNs < want*0.7 || w.FunctionNs > want*2 {
			t.Errorf("%d targets: the functions take %.0f ns, want %.0f", fanout, w.FunctionNs, want)
		}
	}
}

func TestWorkersSendTogether(t *testing.T) {
	p := openedFake(t, "meet", 4, 1)
	if records, err := runFake(t, p, fakeBatch()); err != nil || len(records) != 20 {
		t.Fatalf("%d records, %v", len(records), err)
	}
}

func TestFailuresAreRecords(t *testing.T) {
	for _, c := range []struct {
		guest string
		// failed is the text of the third round's last target, all whether the other
		// target failed too, goesOn whether rounds follow.
		failed      string
		all, goesOn bool
	}{
		{"digest@2", "the target's digest is ", false, true},
		{"short@2", "the target got 999 bytes instead of 1000", false, true},
		{"target@2", "the target is gone", false, false},
		{"trap@2", "guest trapped in send: unreachable? executed", true, false},
		{"prepare@2", "prepare the payload: no memory for the payload", true, false},
	} {
		t.Run(c.guest, func(t *testing.T) {
			p := openedFake(t, c.guest, 1, 2)
			records, err := runFake(t, p, fakeBatch())
			if err != nil {
				t.Fatal(err)
			}
			want := 6
			if c.goesOn {
				want = 10
			}
			if len(records) != want {
				t.Fatalf("%d records instead of %d", len(records), want)
			}
			for _, r := range records {
				failed := r.Round == 2 && (c.all || r.Target == 1)
				if text := fmt.Sprint(r.Err); failed != strings.HasPrefix(text, c.failed) || !failed && r.Err != nil {
					t.Errorf("round %d, target %d: %v", r.Round, r.Target, r.Err)
				}
			}
		})
	}
}

func TestPrepareFailsInOneOfTwoWorkers(t *testing.T) {
	p := openedFake(t, "", 1, 1)
	openFake(t, p, "prepare@0", 1, 1)
	batch := fakeBatch()
	batch.Warmup = 0
	records, err := runFake(t, p, batch)
	if err != nil || len(records) != 2 {
		t.Fatalf("%v, %v", records, err)
	}
	if !strings.HasPrefix(fmt.Sprint(records[0].Err), "not sent, because worker 1 could not prepare the payload") {
		t.Errorf("the worker that was ready: %q", records[0].Err)
	}
}

func TestFailureInWarmupIsAnError(t *testing.T) {
	p := openedFake(t, "digest@-1", 1, 2)
	records, err := runFake(t, p, fakeBatch())
	if len(records) != 0 || err == nil || !strings.HasPrefix(err.Error(), "shim source: warm-up round 2 of 2: worker 0, target 1: the target's digest") {
		t.Fatalf("%d records, %v", len(records), err)
	}
	// The shim lives on.
	batch := fakeBatch()
	batch.Seed++
	if records, err := runFake(t, p, batch); err != nil || len(records) != 10 {
		t.Fatalf("%d records, %v", len(records), err)
	}
}

func TestDeadline(t *testing.T) {
	p := openedFake(t, "spin@2", 2, 1)
	batch := fakeBatch()
	batch.Deadline = 300 * time.Millisecond
	records, err := runFake(t, p, batch)
	if len(records) != 4 {
		t.Errorf("%d records of finished rounds instead of 4", len(records))
	}
	if !errors.Is(err, transport.ErrNoAnswer) || err.Error() != "shim source: no answer within 300ms: round 3 of 5 is still sending (--deadline)" {
		t.Errorf("%v", err)
	}
	if _, again := p.Memory(t.Context()); !errors.Is(again, transport.ErrNoAnswer) {
		t.Errorf("a call after it: %v", again)
	}
	if err := p.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestTransportTimesOutByItself(t *testing.T) {
	p := openedFake(t, "late@0", 1, 1)
	batch := fakeBatch()
	batch.Deadline = 360 * time.Millisecond
	records, err := runFake(t, p, batch)
	if err != nil || len(records) != 1 || !strings.HasPrefix(fmt.Sprint(records[0].Err), "timed out by itself") {
		t.Fatalf("%v, %v", records, err)
	}
}

func TestSetupThatNeverEnds(t *testing.T) {
	p := startFake(t, "target")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := p.Serve(ctx, "fake", transport.Setup{Guest: "endless"})
	if !errors.Is(err, transport.ErrNoAnswer) || !strings.HasPrefix(err.Error(), "shim target: serve fake: no answer in time") {
		t.Fatalf("%v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCrash(t *testing.T) {
	for _, c := range []struct{ guest, text string }{
		{"panic@2", "exited with status 2: panic: out of luck"},
		{"kill@2", "killed by SIGKILL, out of memory?"},
	} {
		t.Run(c.guest, func(t *testing.T) {
			p := openedFake(t, c.guest, 1, 1)
			openFake(t, p, "slow", 1, 1)
			records, err := runFake(t, p, fakeBatch())
			if len(records) != 4 {
				t.Errorf("%d records of finished rounds instead of 4", len(records))
			}
			var exit *ExitReason
			if !errors.As(err, &exit) || err.Error() != fmt.Sprintf("shim source (process %d) %s", pidOf(t, p), c.text) {
				t.Fatalf("%v", err)
			}
			if _, err := p.Memory(t.Context()); !errors.As(err, &exit) {
				t.Errorf("a call after it: %v", err)
			}
			if err := p.Close(); err != nil {
				t.Errorf("close reported a crash again: %v", err)
			}
		})
	}
}

func TestCrashBetweenCalls(t *testing.T) {
	p := startFake(t, "target")
	if err := syscall.Kill(pidOf(t, p), syscall.SIGSEGV); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	var exit *ExitReason
	if err := p.Close(); !errors.As(err, &exit) {
		t.Errorf("close: %v", err)
	}
	if err := p.Close(); !errors.As(err, &exit) {
		t.Errorf("close again: %v", err)
	}
}

func TestStandardErrorIsInTheExitReason(t *testing.T) {
	p := startFake(t, "target")
	_, err := p.Serve(t.Context(), "fake", transport.Setup{Guest: "noise"})
	var exit *ExitReason
	if !errors.As(err, &exit) || exit.How != "exited with status 3" || exit.Line != "last words" || len(exit.Stderr) != child.TailLimit {
		t.Fatalf("%v, %d bytes of standard error", err, len(exit.Stderr))
	}
}

func TestUnavailableStaysRecognisable(t *testing.T) {
	p := startFake(t, "target")
	_, err := p.Serve(t.Context(), "fake", transport.Setup{Guest: "unavailable transport"})
	var missing *transport.Unavailable
	if !errors.As(err, &missing) || *missing != (transport.Unavailable{Transport: "fake", Reason: "it is Tuesday", Remedy: "wait"}) {
		t.Errorf("%#v", err)
	}
	_, err = p.Serve(t.Context(), "fake", transport.Setup{Guest: "unavailable engine"})
	var engine *engines.Unavailable
	if !errors.As(err, &engine) || *engine != (engines.Unavailable{Engine: "v8", Reason: "no v8 here", Remedy: "install it"}) {
		t.Errorf("%#v", err)
	}
	if want := "shim target: serve fake: load the guest: engine v8 is not available: no v8 here (install it)"; err.Error() != want {
		t.Errorf("%q instead of %q", err, want)
	}
}

func TestRefusals(t *testing.T) {
	p := startFake(t, "source")
	check := func(err error, want string) {
		t.Helper()
		if err == nil || err.Error() != want {
			t.Errorf("%v instead of %s", err, want)
		}
	}
	_, err := p.Serve(t.Context(), "faek", transport.Setup{})
	check(err, `shim source: unknown transport "faek": known are fake`)
	check(p.Open(t.Context(), "fake", transport.Setup{}, nil), "shim source: open fake: a route needs at least one target")
	_, err = runFake(t, p, fakeBatch())
	check(err, "shim source: run a batch: no route has been opened")
	openFake(t, p, "", 1, 1)
	batch := fakeBatch()
	batch.Sizes = []int64{0}
	_, err = runFake(t, p, batch)
	check(err, "shim source: payload sizes [0]: each must be at least 1 byte")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = runFake(t, p, fakeBatch())
	check(err, "shim source: run: it has been closed")
}

func TestCallerEndsBatch(t *testing.T) {
	p := openedFake(t, "slow", 1, 1)
	enough := errors.New("enough")
	batch := fakeBatch()
	batch.Rounds = 1000
	if _, err := p.Run(t.Context(), batch, func(Record) error { return enough }); !errors.Is(err, enough) {
		t.Fatalf("%v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	if _, err := p.Run(ctx, batch, func(Record) error { cancel(enough); return nil }); !errors.Is(err, enough) {
		t.Fatalf("%v", err)
	}
	if records, err := runFake(t, p, fakeBatch()); err != nil || len(records) != 5 {
		t.Fatalf("the batch after them: %d records, %v", len(records), err)
	}
}

func TestCloseReportsWhatWouldNotClose(t *testing.T) {
	p := openedFake(t, "close", 1, 1)
	for range 2 {
		err := p.Close()
		if want := "shim source: close route: the route would not close\nshim source: close target: the target would not close"; err == nil || err.Error() != want {
			t.Errorf("%v", err)
		}
	}
}

// However many routes a server works for, its memory is counted once.
func TestMemory(t *testing.T) {
	p := startFake(t, "source")
	for servers, guest := range []string{"", "server 1", "server 2"} {
		openFake(t, p, guest, 3, 1)
		memory, err := p.Memory(t.Context())
		own := measure.Memory{RSSPeak: memory.RSSPeak % serverMemory, PSSPeak: memory.PSSPeak % serverMemory}
		if err != nil || own.RSSPeak < 1<<20 || own.PSSPeak < 1<<20 || memory.RSSPeak/serverMemory != int64(servers) || memory.PSSPeak/serverMemory != int64(servers) {
			t.Errorf("%d servers: %+v, %v", servers, memory, err)
		}
	}
}

func TestManyAtOnceLeaveNothing(t *testing.T) {
	startFake(t, "first").Close()
	before := descriptors(t)
	const n = 30
	processes := make([]*Process, n)
	var group sync.WaitGroup
	for i := range processes {
		group.Go(func() {
			p, err := startChild(t.Context(), fmt.Sprint("target ", i))
			if err != nil {
				t.Error(err)
				return
			}
			processes[i] = p
			if _, err := p.Serve(t.Context(), "fake", transport.Setup{}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, p := range processes {
		if p != nil {
			group.Go(func() {
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
		t.Errorf("there are children left: %d, %v", pid, err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestStartOfWhatIsNoShim(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho no such command >&2; exit 2\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t)
	for _, c := range []struct {
		child Child
		want  string
	}{
		{Child{Program: "/nonexistent"}, "start shim source: fork/exec /nonexistent: no such file or directory (is /nonexistent executable?)"},
		{Child{Program: "/bin/true"}, "exited with status 0"},
		{Child{Program: script}, "exited with status 2: no such command"},
	} {
		_, err := Start(t.Context(), c.child, "source", transport.Native)
		if err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%v instead of %s", err, c.want)
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
}

func TestServeByHand(t *testing.T) {
	// Under go test descriptor 3 is no socket of a driver's.
	if err := Serve(findFake); err == nil || !strings.Contains(err.Error(), "rrbench sweep") {
		t.Fatalf("%v", err)
	}
}

func TestInterruptIsIgnored(t *testing.T) {
	p := startFake(t, "source")
	if err := syscall.Kill(pidOf(t, p), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Memory(t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
