package sweep

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rrbench/measure"
	"rrbench/results"
	"rrbench/shim"
	"rrbench/transport"
)

// fakeHost answers like a shim. fail decides what goes wrong in a round.
type fakeHost struct {
	open    *atomic.Int32
	targets int
	routes  int
	fail    func(round int) (record string, err error)
}

func (h *fakeHost) Serve(_ context.Context, name string, _ transport.Setup) (transport.Endpoint, error) {
	return transport.Endpoint{Transport: name}, nil
}

func (h *fakeHost) Open(ctx context.Context, _ string, _ transport.Setup, targets []transport.Endpoint) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.routes++
	h.targets = len(targets)
	return nil
}

func (h *fakeHost) Run(_ context.Context, batch shim.Batch, each func(shim.Record) error) (w shim.Window, _ error) {
	for round := range batch.Rounds {
		text, err := h.fail(round)
		if err != nil {
			return w, err
		}
		for worker := range h.routes {
			for target := range h.targets {
				record := shim.Record{Round: round, Worker: worker, Target: target, Seed: batch.SeedOf(round, worker), Err: text}
				record.Timeline = transport.Timeline{Start: 100, Serialized: 101, CopiedOut: 103, Received: 107, CopiedIn: 115, Delivered: 131, Consumed: 163}
				if err := each(record); err != nil {
					return w, err
				}
			}
		}
		if text != "" {
			// A shim ends a batch with the round in which a hand-off failed.
			return w, nil
		}
	}
	return w, nil
}

func (h *fakeHost) Memory(context.Context) (measure.Memory, error) {
	return measure.Memory{RSSPeak: 10, PSSPeak: 7}, nil
}

func (h *fakeHost) Close() error {
	h.open.Add(-1)
	return nil
}

type memoryJournal struct {
	rows []results.Trial
	full bool
}

func (j *memoryJournal) Append(rows []results.Trial) error {
	if j.full {
		return errors.New("no space left on device")
	}
	j.rows = append(j.rows, rows...)
	return nil
}

func (j *memoryJournal) AppendWindow(results.Window) error { return nil }

type quiet struct{ failures []string }

func (*quiet) Begin(float64)                  {}
func (*quiet) Visiting(int, int, PlannedCell) {}
func (*quiet) Advance(float64)                {}
func (q *quiet) Failed(cell PlannedCell, reason string) {
	q.failures = append(q.failures, cell.Transport+": "+reason)
}
func (*quiet) End() {}

type harness struct {
	runner  *Runner
	visitor *visitor
	journal *memoryJournal
	told    *quiet
	open    atomic.Int32
}

func newHarness(t *testing.T, flags Config, fail func(round int) (string, error)) *harness {
	t.Helper()
	h := &harness{journal: &memoryJournal{}, told: &quiet{}}
	plan := planFor(t, flags)
	h.runner = &Runner{Plan: plan, Journal: h.journal, Progress: h.told}
	h.visitor = &visitor{plan: plan, infos: byName(testMachine().Transports), start: func(context.Context, string, transport.Runs) (host, error) {
		h.open.Add(1)
		return &fakeHost{open: &h.open, fail: fail}, nil
	}, ready: func(PlannedCell, time.Duration) {}}
	t.Cleanup(func() {
		if n := h.open.Load(); n != 0 {
			t.Errorf("%d shims were not closed", n)
		}
	})
	return h
}

func fine(int) (string, error) { return "", nil }

func TestRunJournalsEveryRoundOfEveryCell(t *testing.T) {
	h := newHarness(t, Config{Reps: 5, Axes: Axes{Sizes: []Size{mib, 200 * mib}, Fanout: []int{3}, Concurrency: []int{2}, Codecs: []string{"raw"}}}, fine)
	if err := h.runner.run(t.Context(), h.visitor); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	handoffs := make(map[int]string)
	counts := make(map[results.Status]int)
	for _, row := range h.journal.rows {
		counts[row.Status]++
		if row.Status != results.OK {
			continue
		}
		handoff := fmt.Sprintf("cell %d rep %d worker %d", row.CellIndex, row.Rep, row.Worker)
		if old, ok := handoffs[row.Trial]; ok && old != handoff {
			t.Fatalf("trial %d is %s and %s", row.Trial, old, handoff)
		}
		handoffs[row.Trial] = handoff
		key := fmt.Sprintf("%s target %d", handoff, row.Target)
		if seen[key] {
			t.Fatalf("%s is there twice", key)
		}
		seen[key] = true
		if sum := row.Serialize + row.CopyOut + row.Transfer + row.CopyIn + row.Deserialize; sum != row.Latency || row.Latency != 31 {
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
	if counts[results.OK] != runnable*5*3*2 || counts[results.Skipped] != skipped || counts[results.Failed] != 0 {
		t.Errorf("rows %v for %d cells and %d skipped", counts, runnable, skipped)
	}
}

func TestRunGoesOnAfterAFailedCell(t *testing.T) {
	for name, fail := range map[string]func(int) (string, error){
		"a record says so": func(round int) (string, error) {
			if round == 1 {
				return "guest trapped in handle: unreachable", nil
			}
			return "", nil
		},
		"the shim is gone": func(round int) (string, error) {
			if round == 1 {
				return "", errors.New("shim source: killed by SIGKILL\nunreachable memory")
			}
			return "", nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, Config{Reps: 9, Axes: Axes{Transports: []string{"user/copy", "kernel/stream"}, Engines: []string{"wazero"}, Sizes: []Size{mib}}}, fail)
			if err := h.runner.run(t.Context(), h.visitor); err != nil {
				t.Fatal(err)
			}
			finished := make(map[string]int)
			for _, row := range h.journal.rows {
				if row.Status == results.OK {
					finished[row.Transport]++
					continue
				}
				if row.Status == results.OK || !strings.Contains(row.Reason, "unreachable") || strings.Contains(row.Reason, "\n") {
					t.Errorf("row %s: %q", row.Status, row.Reason)
				}
			}
			if finished["user/copy"] != 1 || finished["kernel/stream"] != 1 {
				t.Errorf("finished trials that were kept: %v", finished)
			}
			if missing := h.runner.Plan.account(h.journal.rows); len(missing) > 0 {
				t.Errorf("missing: %q", missing)
			}
			if len(h.told.failures) != 2 {
				t.Errorf("told of %q", h.told.failures)
			}
		})
	}
}

func TestRunEndsWhenTheJournalCannotBeWritten(t *testing.T) {
	h := newHarness(t, Config{}, fine)
	h.journal.full = true
	if err := h.runner.run(t.Context(), h.visitor); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v", err)
	}
}

func TestInterruptedRunIsResumedWithoutRepeating(t *testing.T) {
	flags := Config{Reps: 9, Axes: Axes{Transports: []string{"user/copy", "kernel/stream"}, Engines: []string{"wazero"}, Sizes: []Size{mib, 200 * mib}}}
	ctx, cancel := context.WithCancelCause(t.Context())
	rounds := 0
	first := newHarness(t, flags, func(int) (string, error) {
		if rounds++; rounds == 8 {
			cancel(ErrInterrupted)
			return "", ctx.Err()
		}
		return "", nil
	})
	if err := first.runner.run(ctx, first.visitor); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("got %v", err)
	}
	second := newHarness(t, flags, fine)
	second.runner.Done = first.journal.rows
	if err := second.runner.run(t.Context(), second.visitor); err != nil {
		t.Fatal(err)
	}
	repetitions, trials := make(map[[2]int]int), make(map[int]bool)
	for _, row := range append(first.journal.rows, second.journal.rows...) {
		repetitions[[2]int{row.CellIndex, row.Rep}]++
		if trials[row.Trial] {
			t.Errorf("trial %d is there twice", row.Trial)
		}
		trials[row.Trial] = true
	}
	if len(repetitions) != 4*9 {
		t.Errorf("%d of %d rounds", len(repetitions), 4*9)
	}
	for key, n := range repetitions {
		if n != 1 {
			t.Errorf("cell %d, rep %d was measured %d times", key[0], key[1], n)
		}
	}
}
