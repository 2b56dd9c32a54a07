// Package sweep plans and runs a sweep: it expands what was asked for into cells, visits
// them in a block-randomised order, and writes a row a trial as it happens. It knows no
// transport by name and is never on the data path.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rrbench/results"
	"rrbench/shim"
	"rrbench/transport"
)

// Journal takes the rows of finished trials; *results.Journal is one.
type Journal interface {
	Append([]results.Trial) error
}

// Progress is told how a run advances. Its methods are called from one goroutine, never
// while something is measured.
type Progress interface {
	// Begin says how much work there is, in the arbitrary unit of Advance.
	Begin(total float64)
	// Visiting names the visit that starts now.
	Visiting(block, blocks int, cell PlannedCell)
	// Advance reports finished work.
	Advance(work float64)
	// Failed reports a failed visit.
	Failed(cell PlannedCell, reason string)
	End()
}

// Runner carries out a plan.
type Runner struct {
	Plan       *Plan
	Transports []transport.Transport
	Journal    Journal
	Progress   Progress
	// SetUps takes the functions' starts.
	SetUps *results.SetUps
	// Done are the rows of the run that is resumed, nil for a fresh one.
	Done []results.Trial
}

// Run visits all cells. A cell that fails gets a failed row with its cause and the run goes
// on; the error is one that ends the run: a full disk, or the context's end, after which
// the journal holds every finished batch.
func (r *Runner) Run(ctx context.Context) error {
	visitor := &visitor{
		plan:  r.Plan,
		infos: byName(r.Transports),
		start: func(ctx context.Context, name string, runs transport.Runs) (host, error) {
			process, err := shim.Start(ctx, shim.Options{Name: name, Runs: runs})
			if err != nil {
				return nil, err
			}
			return process, nil
		},
		ready: func(cell PlannedCell, took time.Duration) {
			r.SetUps.Add(cell.Transport, cell.Engine, int64(took))
		},
	}
	return r.run(ctx, visitor)
}

func (r *Runner) run(ctx context.Context, visitor *visitor) error {
	past := recall(r.Plan, r.Done)
	if err := r.journalSkipped(past); err != nil {
		return err
	}
	visits := r.Plan.Schedule()
	var total float64
	for _, visit := range visits {
		total += r.Plan.estimate(visit, visitor.infos)
	}
	r.Progress.Begin(total)
	defer r.Progress.End()
	for _, visit := range visits {
		cell := r.Plan.Cells[visit.Cell]
		r.Progress.Visiting(visit.Block, r.Plan.Blocks, cell)
		if err := r.visit(ctx, visitor, visit, past); err != nil {
			return err
		}
		r.Progress.Advance(r.Plan.estimate(visit, visitor.infos))
	}
	return nil
}

// visit runs one visit and journals it, whatever comes of it.
func (r *Runner) visit(ctx context.Context, visitor *visitor, visit Visit, past *past) error {
	request := visitRequest{Visit: visit, doneRounds: past.rounds[visit]}
	if request.doneRounds >= r.Plan.RoundsIn(visit.Block) {
		return nil
	}
	cell := r.Plan.Cells[visit.Cell]
	if reason := past.failed[visit.Cell]; reason != "" {
		return r.journalFailure(past, visit, "not tried again after: "+reason)
	}
	var journalErr error
	reported := false
	err := visitor.run(ctx, request, func(rows []results.Trial) error {
		for _, row := range rows {
			if row.Status == results.Failed && !reported {
				reported = true
				past.failed[visit.Cell] = row.Reason
				r.Progress.Failed(cell, row.Reason)
			}
		}
		journalErr = r.Journal.Append(past.numbered(rows))
		return journalErr
	})
	switch {
	case journalErr != nil:
		return fmt.Errorf("write the trials: %w", journalErr)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && !reported:
		past.failed[visit.Cell] = oneLine(err)
		r.Progress.Failed(cell, oneLine(err))
		return r.journalFailure(past, visit, oneLine(err))
	}
	return nil
}

// journalSkipped writes the row of each cell that cannot run here.
func (r *Runner) journalSkipped(past *past) error {
	if len(r.Done) > 0 {
		return nil
	}
	var rows []results.Trial
	for i, cell := range r.Plan.Cells {
		if cell.Skip != "" {
			rows = append(rows, outcome(cell, i, 0, results.Skipped, cell.Skip))
		}
	}
	return r.Journal.Append(past.numbered(rows))
}

func (r *Runner) journalFailure(past *past, visit Visit, reason string) error {
	row := outcome(r.Plan.Cells[visit.Cell], visit.Cell, visit.Block, results.Failed, reason)
	row.Rep = r.Plan.FirstRep(visit.Block) + past.rounds[visit]
	return r.Journal.Append(past.numbered([]results.Trial{row}))
}

// outcome is a row without measurements.
func outcome(cell PlannedCell, index, block int, status results.Status, reason string) results.Trial {
	return results.Trial{
		CellIndex: index, Block: block, Cell: cell.Cell, Payload: string(cell.Payload),
		Status: status, Reason: reason, Clock: clockOf(cell),
	}
}

// ErrInterrupted is the cause of a context that a signal ended.
var ErrInterrupted = errors.New("interrupted")
