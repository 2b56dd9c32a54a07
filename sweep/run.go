// Package sweep plans and runs a sweep: it expands what was asked for into cells, visits
// them in a block-randomised order, and writes a row a trial as it happens. It knows no
// transport by name and is never on the data path.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rrbench/foreign"
	"rrbench/measure"
	"rrbench/results"
	"rrbench/runtimes"
	"rrbench/shim"
	"rrbench/transport"
)

// Journal takes the rows of finished trials and windows; *results.Journal is one.
type Journal interface {
	Append([]results.Trial) error
	AppendWindow(results.Window) error
}

// Progress shows how a run advances. Its methods are called from one goroutine, never
// while something is measured.
type Progress interface {
	// Visiting is called before each visit.
	Visiting(Advance)
	// Failed reports a failed visit.
	Failed(cell PlannedCell, reason string)
	End()
}

// Runner carries out a plan.
type Runner struct {
	Plan     *Plan
	Machine  Machine
	Journal  Journal
	Progress Progress
	// SetUps takes the functions' starts.
	SetUps *results.SetUps
	// Measured is how long warm-ups, windows and rounds took.
	Measured time.Duration
	// Done is what the journal of the run that is resumed holds, nothing for a fresh one.
	Done results.Journaled

	// Found summarizes the rows that are journaled, and Save records the plan, for Plan.UntilWidth. Began is
	// when the run would have begun in one piece.
	Found func() ([]results.Summary, error)
	Save  func() error
	Began time.Time

	infos    map[string]transport.Info
	forecast *forecast
	// images are those of programs.
	images runtimes.Store
}

// Advance is how far a run is.
type Advance struct {
	// Cell is what is visited now, in a block of so many.
	Block, Blocks int
	Cell          PlannedCell
	// Done is how long visits have taken, and Left how long those will take that are to come; where UpTo is set,
	// which more starts are needed is not known yet, and Left is the most.
	Done, Left time.Duration
	UpTo       bool
}

// Run visits all cells. A cell that fails gets failed rows with their cause, and skipped ones
// for what is not attempted after that, and the run goes on; the error is one that ends the
// run: a full disk, or the context's end, after which the journal holds every finished batch.
func (r *Runner) Run(ctx context.Context) (err error) {
	r.infos = byName(r.Machine.Transports)
	defer func() { err = errors.Join(err, r.images.Close()) }()
	past, err := loadProgress(r.Plan, r.Done)
	if err != nil {
		return err
	}
	if err := r.journalSkipped(past); err != nil {
		return err
	}
	visits := slices.DeleteFunc(r.Plan.Schedule(), func(visit Visit) bool {
		cell := &r.Plan.Cells[visit.Cell]
		return past.of(visit).whole(*cell) >= cell.steps(visit)
	})
	r.forecast = newForecast(r.Plan, r.infos, visits)
	defer r.Progress.End()
	for _, visit := range visits {
		if err := r.next(ctx, visit, past); err != nil {
			return err
		}
	}
	if r.Plan.UntilWidth > 0 && r.Plan.Stopped == "" {
		return r.narrow(ctx, past)
	}
	return nil
}

// next runs the visit that comes next, with what is known of the time that the run takes.
func (r *Runner) next(ctx context.Context, visit Visit, past *runProgress) error {
	done, left := r.forecast.done, r.forecast.left()
	budget := r.Plan.UntilWidth > 0 && r.Plan.Stopped == ""
	if rest := r.Plan.Budget - time.Since(r.Began); budget && visit.Block < r.Plan.Cells[visit.Cell].Starts {
		left = max(left, rest)
	} else if budget {
		left, budget = min(left, max(rest, 0)), false
	}
	r.Progress.Visiting(Advance{visit.Block, r.Plan.Blocks, r.Plan.Cells[visit.Cell], done, left, budget})
	began := time.Now()
	err := r.visit(ctx, visit, past)
	r.forecast.took(visit, time.Since(began))
	return err
}

// visit runs one visit and journals it, whatever comes of it: after it, every hand-off that
// is planned for the visit has its row.
func (r *Runner) visit(ctx context.Context, visit Visit, past *runProgress) error {
	cell, progress := r.Plan.Cells[visit.Cell], past.of(visit)
	defer delete(past.visits, visit)
	whole := progress.whole(cell)
	if whole >= cell.steps(visit) {
		return nil
	}
	if progress.ended == "" {
		progress.ended = past.failed[visit.Cell]
	}
	if progress.ended != "" {
		return r.journalRest(past, visit, "")
	}
	if err := r.Machine.reach(ctx, cell); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		progress.ended = lacking + foreign.Error(err)
		return r.journalRest(past, visit, "")
	}
	out := &visitJournal{runner: r, past: past, visit: visit}
	err := r.measureVisit(ctx, visitRequest{Visit: visit, doneSteps: whole}, out)
	switch {
	case out.err != nil:
		return fmt.Errorf("write the trials: %w", out.err)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && progress.ended == "":
		reason := reasonOf(err)
		out.failed(reason)
		return r.journalRest(past, visit, reason)
	}
	return r.journalRest(past, visit, "")
}

// visitJournal takes what a visit finds.
type visitJournal struct {
	runner *Runner
	past   *runProgress
	visit  Visit
	// err is why something could not be written.
	err error
}

func (j *visitJournal) rows(rows []results.Trial) error {
	progress := j.past.of(j.visit)
	for i := range rows {
		progress.add(j.runner.Plan, &rows[i])
		if rows[i].Status == results.Failed {
			j.failed(rows[i].Reason)
		}
	}
	j.err = j.runner.Journal.Append(j.past.numbered(rows))
	return j.err
}

func (j *visitJournal) window(w shim.Window, memory measure.Memory) error {
	if w.Tried == 0 {
		return nil
	}
	cell := &j.runner.Plan.Cells[j.visit.Cell]
	all := w.Source.Add(w.Targets).Add(w.Server)
	row := results.Window{
		CellIndex: j.visit.Cell, Block: j.visit.Block, Start: cell.start(j.visit), Noise: j.visit.Noise, Point: cell.Point,
		Tried: w.Tried, OK: w.OK, Failed: w.Failed, Bytes: w.Bytes, Ns: w.Ns, Reason: w.Reason,
		SourceUser: w.Source.UserNs, SourceKernel: w.Source.KernelNs, TargetUser: w.Targets.UserNs, TargetKernel: w.Targets.KernelNs,
		ServerUser: w.Server.UserNs, ServerKernel: w.Server.KernelNs, SoftIRQ: w.SoftIRQ, FunctionNs: w.FunctionNs,
		MinorFaults: all.MinorFaults, ContextSwitches: all.ContextSwitches, RSSPeak: memory.RSSPeak, PSSPeak: memory.PSSPeak,
	}
	if w.Latencies != nil {
		row.Latencies = &results.Histogram{Histogram: w.Latencies}
	}
	j.err = j.runner.Journal.AppendWindow(row)
	return j.err
}

// failed notes the first failure of a visit.
func (j *visitJournal) failed(reason string) {
	if j.past.failed[j.visit.Cell] == "" {
		j.past.failed[j.visit.Cell] = reason
		j.runner.Progress.Failed(j.runner.Plan.Cells[j.visit.Cell], reason)
	}
	j.past.of(j.visit).ended = reason
}

// notAttempted begins the reason of a round that was left out since an earlier one had failed.
const notAttempted = "not attempted after: "

// journalRest writes the rows that a visit lacks: skipped ones, as its rounds are not
// attempted after a failure. Where a reason is given, no row tells of the failure yet: the
// first round without rows, or the last one if there is none, has failed.
func (r *Runner) journalRest(past *runProgress, visit Visit, reason string) error {
	cell, progress := r.Plan.Cells[visit.Cell], past.of(visit)
	steps := cell.steps(visit)
	blamed := progress.whole(cell)
	if blamed >= steps && reason != "" {
		blamed = steps - 1
		reason = "after the last round: " + reason
		progress.forget(blamed)
	}
	var rows []results.Trial
	for step := blamed; step < steps; step++ {
		for h := range cell.handoffs(step) {
			if progress.rows[h] {
				continue
			}
			row := outcome(cell, results.Skipped, notAttempted+progress.ended)
			if step == blamed && reason != "" {
				row.Status, row.Reason = results.Failed, reason
			}
			cell.place(&row, visit, step)
			row.Worker, row.Target, row.Phase = h.worker, h.target, h.phase
			rows = append(rows, row)
		}
	}
	if err := r.Journal.Append(past.numbered(rows)); err != nil {
		return fmt.Errorf("write the trials: %w", err)
	}
	return nil
}

// journalSkipped writes the row of each cell that cannot run here.
func (r *Runner) journalSkipped(past *runProgress) error {
	told := make(map[int]string)
	for i := range r.Done.Trials {
		told[r.Done.Trials[i].CellIndex] = r.Done.Trials[i].Reason
	}
	var rows []results.Trial
	for i, cell := range r.Plan.Cells {
		if cell.Skip != "" && (told[i] == "" || told[i] == awaitingPeer && !cell.awaitsPeer()) {
			row := outcome(cell, results.Skipped, cell.Skip)
			row.CellIndex = i
			rows = append(rows, row)
		}
	}
	return r.Journal.Append(past.numbered(rows))
}

// outcome is a row without measurements.
func outcome(cell PlannedCell, status results.Status, reason string) results.Trial {
	return results.Trial{Point: cell.Point, Payload: string(cell.Payload), Status: status, Reason: reason, Clock: clockOf(cell)}
}
