package sweep

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rrbench/results"
	"rrbench/shim"
	"rrbench/transport"
)

// inProcess is a launcher of shims that are goroutines of the test.
type inProcess struct {
	find shim.Find
	open *atomic.Int32
}

func (inProcess) Check(string) error                 { return nil }
func (inProcess) Programs() []string                 { return nil }
func (l inProcess) Prepare(string) (shim.Pod, error) { return l, nil }
func (inProcess) Close() error                       { return nil }
func (l inProcess) Start(context.Context, string, transport.Runs) (*shim.Instance, error) {
	l.open.Add(1)
	driver, theirs := net.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- shim.ServeConnection(theirs, l.find) }()
	return &shim.Instance{
		Connection: driver,
		Wait: func() shim.ExitReason {
			err := <-ended
			l.open.Add(-1)
			return shim.ExitReason{How: fmt.Sprint("ended: ", err), OK: err == nil}
		},
		Kill: func() { _ = driver.Close() },
	}, nil
}

type memoryJournal struct {
	rows    []results.Trial
	windows []results.Window
	full    bool
	// appended, when set, is called after each batch.
	appended func()
}

func (j *memoryJournal) Append(rows []results.Trial) error {
	if j.full {
		return errors.New("no space left on device")
	}
	j.rows = append(j.rows, rows...)
	if j.appended != nil {
		j.appended()
	}
	return nil
}

func (j *memoryJournal) done() results.Journaled {
	return results.Journaled{Trials: j.rows, Windows: j.windows}
}

func (j *memoryJournal) AppendWindow(w results.Window) error {
	j.windows = append(j.windows, w)
	return nil
}

type quiet struct{ failures []string }

func (*quiet) Visiting(Advance) {}
func (q *quiet) Failed(cell PlannedCell, reason string) {
	q.failures = append(q.failures, cell.Transport+": "+reason)
}
func (*quiet) End() {}

type harness struct {
	runner  *Runner
	journal *memoryJournal
	shown   *quiet
	setUps  results.SetUps
	open    atomic.Int32
}

// newHarness returns a runner of transports that move nothing and have the fault.
func newHarness(t *testing.T, flags Config, fault string) *harness {
	t.Helper()
	h := &harness{journal: &memoryJournal{}, shown: &quiet{}}
	machine := testMachine()
	for i, tr := range machine.Transports {
		s := tr.(stub)
		s.fault = parseFault(fault)
		machine.Transports[i] = s
	}
	machine.Launcher = func(transport.Info) shim.Launcher {
		return inProcess{machine.find, &h.open}
	}
	plan := planFor(t, flags)
	plan.Window = time.Millisecond
	h.runner = &Runner{Plan: plan, Machine: machine, Journal: h.journal, Progress: h.shown, SetUps: &h.setUps}
	t.Cleanup(func() {
		if n := h.open.Load(); n != 0 {
			t.Errorf("%d shims were not closed", n)
		}
	})
	return h
}

// run runs the plan to its end.
func (h *harness) run(t *testing.T) {
	t.Helper()
	if err := h.runner.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// resume continues the run of another harness, and returns the rows of both.
func (h *harness) resume(t *testing.T, before *harness) ([]results.Trial, []results.Window) {
	t.Helper()
	h.runner.Plan, h.runner.Done = before.runner.Plan, before.journal.done()
	h.run(t)
	return slices.Concat(before.journal.rows, h.journal.rows), slices.Concat(before.journal.windows, h.journal.windows)
}

const fine = ""

// crowd is a fan-out to several targets. It is small because each of their shims collects garbage before each batch.
const crowd = 8

func TestRunJournalsEveryRoundOfEveryCell(t *testing.T) {
	// A round of the larger size is a batch.
	const workers, fanout = 2, crowd
	h := newHarness(t, Config{Axes: Axes{Reps: 5, Engines: []string{"wazero"}, Sizes: []Size{1000, batchBytes / (fanout * workers)}, Fanout: []int{fanout}, Concurrency: []int{workers}, Codecs: []string{"raw"}}}, fine)
	h.run(t)
	seen := make(map[string]bool)
	handoffs := make(map[int]string)
	counts := make(map[results.Status]int)
	for _, row := range h.journal.rows {
		counts[row.Status]++
		if row.Status != results.OK {
			continue
		}
		handoff := fmt.Sprintf("cell %d rep %d first %v worker %d", row.CellIndex, row.Rep, row.First, row.Worker)
		if old, ok := handoffs[row.Trial]; ok && old != handoff {
			t.Fatalf("trial %d is %s and %s", row.Trial, old, handoff)
		}
		handoffs[row.Trial] = handoff
		key := fmt.Sprintf("%s target %d", handoff, row.Target)
		if seen[key] {
			t.Fatalf("%s is there twice", key)
		}
		seen[key] = true
		if sum := row.Serialize + row.CopyOut + row.Transfer + row.CopyIn + row.Deserialize; sum != row.Latency {
			t.Fatalf("phases add up to %d, latency is %d", sum, row.Latency)
		}
	}
	runnable, skipped := 0, 0
	for _, cell := range h.runner.Plan.Cells {
		if cell.Skip == "" {
			runnable++
		} else {
			skipped++
		}
	}
	if counts[results.OK] != (runnable+1)*(5+3)*fanout*workers || counts[results.Skipped] != skipped || counts[results.Failed] != 0 {
		t.Errorf("rows %v for %d cells and %d skipped", counts, runnable, skipped)
	}
}

func TestRunGoesOnAfterAFailedCell(t *testing.T) {
	h := newHarness(t, Config{Warmup: new(faultyWarmup), Seed: new(uint64(faultySeed)), Axes: Axes{Reps: 9, Transports: []string{"user/copy", "kernel/stream"}, Engines: []string{"wazero"}, Sizes: []Size{1000}}}, "send fails round")
	h.run(t)
	finished := make(map[string]int)
	for _, row := range h.journal.rows {
		if row.Status == results.OK {
			finished[row.Transport]++
			continue
		}
		if !strings.Contains(row.Reason, "injected into send") || strings.Contains(row.Reason, "\n") {
			t.Errorf("row %s: %q", row.Status, row.Reason)
		}
	}
	if finished["user/copy"] != 2 || finished["kernel/stream"] != 2 {
		t.Errorf("finished trials that were kept: %v", finished)
	}
	if missing := h.runner.Plan.account(h.journal.rows, h.journal.windows); len(missing) > 0 {
		t.Errorf("missing: %q", missing)
	}
	if len(h.shown.failures) != 2 {
		t.Errorf("reported %q", h.shown.failures)
	}
}

func TestRunEndsWhenTheJournalIsFull(t *testing.T) {
	h := newHarness(t, Config{}, fine)
	h.journal.full = true
	if err := h.runner.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v", err)
	}
}

func TestInterruptedRunIsResumedWithoutRepeating(t *testing.T) {
	const fanout = crowd
	flags := Config{Axes: Axes{Reps: 9, Transports: []string{"user/copy", "kernel/stream"}, Engines: []string{"wazero"}, Sizes: []Size{1000, batchBytes / fanout}, Fanout: []int{fanout}}}
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	first := newHarness(t, flags, fine)
	first.journal.appended = func() {
		if len(first.journal.rows) >= 8*fanout {
			cancel(interrupted)
		}
	}
	if err := first.runner.Run(ctx); !errors.Is(err, interrupted) {
		t.Fatalf("got %v", err)
	}
	rows, _ := newHarness(t, flags, fine).resume(t, first)
	repetitions, trials := make(map[string]int), make(map[string]bool)
	for _, row := range rows {
		repetitions[fmt.Sprintf("cell %d, rep %d, first %v", row.CellIndex, row.Rep, row.First)]++
		key := fmt.Sprintf("trial %d, target %d", row.Trial, row.Target)
		if trials[key] {
			t.Errorf("%s is there twice", key)
		}
		trials[key] = true
	}
	// Four cells, of which one is measured twice, have 3 starts with a first round each.
	if want := 5 * (9 + 3); len(repetitions) != want {
		t.Errorf("%d of %d rounds", len(repetitions), want)
	}
	for key, n := range repetitions {
		if n != fanout {
			t.Errorf("%s has %d rows of %d", key, n, fanout)
		}
	}
}
