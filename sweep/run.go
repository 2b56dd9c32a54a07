// Package sweep plans and runs a sweep: it expands a request into cells, visits them in a
// block-randomised order, and writes the row of each trial as soon as it is measured. It contains
// no transport's name and is never on the data path.
package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"rrbench/foreign"
	"rrbench/measure"
	"rrbench/results"
	"rrbench/runtimes"
	"rrbench/shim"
)

// Journal takes the rows of finished trials and windows; *results.Journal is one.
type Journal interface {
	Append([]results.Trial) error
	AppendWindow(results.Window) error
}

// Progress shows how a run advances. Its methods are called from one goroutine, never
// while something is measured.
type Progress interface {
	Visiting(Advance)
	Failed(cell PlannedCell, reason string)
	End()
}

// Runner carries out a plan.
type Runner struct {
	Plan     *Plan
	Machine  Machine
	Journal  Journal
	Progress Progress
	SetUps   *results.SetUps
	Measured time.Duration
	// Done is the content of the journal of a run that is resumed, empty for a new one.
	Done results.Journaled

	// Found summarizes the rows that are journaled, and Save records the plan, for Plan.UntilWidth. Began is when the run
	// would have begun without interruptions.
	Found func() ([]results.Summary, error)
	Save  func() error
	Began time.Time

	forecast *forecast
	past     *runProgress
	// unwritten is the error of the write that failed.
	unwritten error
	images    runtimes.Store
}

// Advance is how far a run is.
type Advance struct {
	// Cell is the cell that is visited now, in Block of Blocks.
	Block, Blocks int
	Cell          PlannedCell
	// Done is how long visits have taken, and Left how long the others will take. UpTo is set where Left is an upper bound,
	// because it is not known yet how many more starts are needed.
	Done, Left time.Duration
	UpTo       bool
}

// Run visits all cells. A cell that fails gets failed rows, and skipped rows for hand-offs that are not attempted after that.
// Run returns only errors that end the run, such as a full disk; the journal holds every finished batch then.
func (r *Runner) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, r.images.Close()) }()
	if r.past, err = loadProgress(r.Plan, r.Done); err != nil {
		return err
	}
	if err := r.journalSkipped(); err != nil {
		return err
	}
	visits := r.past.left(r.Plan)
	r.forecast = newForecast(r.Plan, byName(r.Machine.Transports), visits)
	defer r.Progress.End()
	for _, visit := range visits {
		if err := r.next(ctx, visit); err != nil {
			return err
		}
	}
	if r.Plan.narrowing() {
		return r.narrow(ctx)
	}
	return nil
}

func (r *Runner) next(ctx context.Context, visit Visit) error {
	done, left := r.forecast.done, r.forecast.left()
	budget := r.Plan.narrowing()
	if rest := r.Plan.Budget - time.Since(r.Began); budget && visit.Block < r.Plan.Cells[visit.Cell].Starts {
		left = max(left, rest)
	} else if budget {
		left, budget = min(left, max(rest, 0)), false
	}
	r.Progress.Visiting(Advance{visit.Block, r.Plan.Blocks, r.Plan.Cells[visit.Cell], done, left, budget})
	began := time.Now()
	err := r.visit(ctx, visit)
	r.forecast.took(visit, time.Since(began))
	return err
}

// visit runs one visit. Afterwards every hand-off that is planned for it has a row.
func (r *Runner) visit(ctx context.Context, visit Visit) error {
	cell, progress := r.Plan.Cells[visit.Cell], r.past.of(visit)
	defer delete(r.past.visits, visit)
	var err error
	if progress.ended = cmp.Or(progress.ended, r.past.failed[visit.Cell]); progress.ended == "" {
		if err = r.Machine.reach(ctx, cell); err != nil {
			progress.ended = lacking + foreign.Error(err)
		} else {
			err = r.measureVisit(ctx, visit, progress.whole(cell))
		}
	}
	switch {
	case r.unwritten != nil:
		return r.unwritten
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && progress.ended == "":
		reason := reasonOf(err)
		r.failed(visit, reason)
		return r.journalRest(visit, reason)
	}
	return r.journalRest(visit, "")
}

// append journals rows.
func (r *Runner) append(rows []results.Trial) error {
	return r.written(r.Journal.Append(r.past.numbered(rows)))
}

// written keeps the error of a write, which ends the run.
func (r *Runner) written(err error) error {
	if err != nil {
		r.unwritten = fmt.Errorf("write the trials: %w", err)
	}
	return r.unwritten
}

// appendVisit journals the rows of a visit.
func (r *Runner) appendVisit(visit Visit, rows []results.Trial) error {
	for i := range rows {
		r.past.of(visit).add(r.Plan, &rows[i])
		if rows[i].Status == results.Failed {
			r.failed(visit, rows[i].Reason)
		}
	}
	return r.append(rows)
}

func (r *Runner) appendWindow(visit Visit, w shim.Window, memory measure.Memory) error {
	if w.Tried == 0 {
		return nil
	}
	cell := &r.Plan.Cells[visit.Cell]
	all := w.Source.Add(w.Targets).Add(w.Server)
	row := results.Window{
		CellIndex: visit.Cell, Block: visit.Block, Start: cell.start(visit), Noise: visit.Noise, Point: cell.Point,
		Tried: w.Tried, OK: w.OK, Failed: w.Failed, Bytes: w.Bytes, Ns: w.Ns, Reason: w.Reason,
		SourceUser: w.Source.UserNs, SourceKernel: w.Source.KernelNs, TargetUser: w.Targets.UserNs, TargetKernel: w.Targets.KernelNs,
		ServerUser: w.Server.UserNs, ServerKernel: w.Server.KernelNs, SoftIRQ: w.SoftIRQ, FunctionNs: w.FunctionNs,
		MinorFaults: all.MinorFaults, ContextSwitches: all.ContextSwitches, RSSPeak: memory.RSSPeak, PSSPeak: memory.PSSPeak,
	}
	if w.Latencies != nil {
		row.Latencies = &results.Histogram{Histogram: w.Latencies}
	}
	return r.written(r.Journal.AppendWindow(row))
}

func (r *Runner) failed(visit Visit, reason string) {
	if r.past.failed[visit.Cell] == "" {
		r.past.failed[visit.Cell] = reason
		r.Progress.Failed(r.Plan.Cells[visit.Cell], reason)
	}
	r.past.of(visit).ended = reason
}

// notAttempted begins the reason of a round that was left out because an earlier one had failed.
const notAttempted = "not attempted after: "

// journalRest writes skipped rows for the hand-offs of a visit that have none. A reason is that of a failure which has no row
// yet: it becomes that of the first round without rows, or of the last round if all have rows.
func (r *Runner) journalRest(visit Visit, reason string) error {
	cell, progress := r.Plan.Cells[visit.Cell], r.past.of(visit)
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
	return r.append(rows)
}

func (r *Runner) journalSkipped() error {
	reasons := make(map[int]string)
	for i := range r.Done.Trials {
		reasons[r.Done.Trials[i].CellIndex] = r.Done.Trials[i].Reason
	}
	var rows []results.Trial
	for i, cell := range r.Plan.Cells {
		if cell.Skip != "" && (reasons[i] == "" || reasons[i] == awaitingPeer && !cell.awaitsPeer()) {
			row := outcome(cell, results.Skipped, cell.Skip)
			row.CellIndex = i
			rows = append(rows, row)
		}
	}
	return r.Journal.Append(r.past.numbered(rows))
}

func outcome(cell PlannedCell, status results.Status, reason string) results.Trial {
	return results.Trial{Point: cell.Point, Payload: string(cell.Payload), Status: status, Reason: reason, Clock: cmp.Or(cell.Clock, results.ClockShared)}
}

// narrow measures more blocks, each with a start of every cell whose interval is too wide, until there is none or the budget
// has ended. A start is in the recorded plan before its first row is journaled.
func (r *Runner) narrow(ctx context.Context) error {
	p := r.Plan
	for {
		wide, err := r.wide()
		if err != nil {
			return err
		}
		if len(wide) == 0 {
			p.Stopped = fmt.Sprintf("every interval is within %v of its latency, or can become no narrower", Share(p.UntilWidth))
			return r.Save()
		}
		random := rand.New(rand.NewPCG(p.Seed, uint64(p.Blocks)))
		random.Shuffle(len(wide), func(i, j int) { wide[i], wide[j] = wide[j], wide[i] })
		for _, i := range wide {
			cell := &p.Cells[i]
			if time.Since(r.Began) > p.Budget {
				p.Stopped = fmt.Sprintf("the budget of %v has ended: the intervals of %d cells are wider than %v of the latency", p.Budget, len(wide), Share(p.UntilWidth))
				return r.Save()
			}
			visit := Visit{Block: cell.Starts + cell.More, Cell: i}
			cell.More++
			p.Blocks = max(p.Blocks, cell.Starts+cell.More)
			if err := r.Save(); err != nil {
				return err
			}
			if err := r.next(ctx, visit); err != nil {
				return err
			}
		}
	}
}

func (r *Runner) wide() (indices []int, err error) {
	summaries, err := r.Found()
	if err != nil {
		return nil, err
	}
	known := make(map[results.Point]*results.Summary)
	for i := range summaries {
		known[summaries[i].Point()] = &summaries[i]
	}
	for i := range r.Plan.Cells {
		cell := &r.Plan.Cells[i]
		point := cell.Point
		if phases := cell.phases(); cell.Kind != "" {
			point.Phase = phases[len(phases)-1]
		}
		s := known[point]
		if s == nil || s.Status != results.OK || cell.Skip != "" || cell.More >= mostMore {
			continue
		}
		// NaN, of fewer starts than make an interval, is not narrow.
		if width := (s.LatencyHi - s.LatencyLo) / s.LatencyMedian; !(width <= r.Plan.UntilWidth) {
			indices = append(indices, i)
			r.forecast.expect(i, min(startsMissing(width/r.Plan.UntilWidth, s.Starts), mostMore-cell.More))
		}
	}
	return indices, nil
}

// startsMissing estimates how many more starts narrow an interval by that factor: it shrinks with the root of their number.
func startsMissing(factor float64, starts int) int {
	if math.IsNaN(factor) {
		return max(leastStarts-starts, 1)
	}
	return int(min(max(math.Ceil(float64(starts)*(factor*factor-1)), 1), mostMore))
}
