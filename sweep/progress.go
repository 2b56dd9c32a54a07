package sweep

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"

	"rrbench/engines"
	"rrbench/foreign"
	"rrbench/results"
	"rrbench/runtimes"
	"rrbench/transport"
)

type runProgress struct {
	visits map[Visit]*visitProgress
	// failed holds the first reason of each cell that failed in this run; a resumed run tries these cells again.
	failed map[int]string
	next   int
}

type visitProgress struct {
	rows map[handoff]bool
	// ended is the reason why the rounds of the visit that have no rows are not attempted.
	ended string
}

type handoff struct {
	step, worker, target int
	phase                string
}

// loadProgress finds out from a journal which hand-offs are measured. A visit that has all rows and no window begins anew.
func loadProgress(plan *Plan, done results.Journaled) (*runProgress, error) {
	p := &runProgress{visits: make(map[Visit]*visitProgress), failed: make(map[int]string)}
	for _, trial := range done.Trials {
		p.next = max(p.next, trial.Trial+1)
		if err := plan.checkRow(&trial); err != nil {
			return nil, fmt.Errorf("hand-off %d of trials.csv: %w", trial.Trial, err)
		}
		if plan.Cells[trial.CellIndex].Skip == "" && !lacked(&trial) {
			visit, _ := plan.Cells[trial.CellIndex].placeOf(&trial)
			p.of(visit).add(plan, &trial)
		}
	}
	for _, visit := range plan.withoutWindow(done.Trials, done.Windows) {
		delete(p.visits, visit)
	}
	return p, nil
}

// lacking begins the reason of a visit that lacked something. The run tries it again when it is resumed.
const lacking = "lacking: "

func reasonOf(err error) string {
	reason := foreign.Error(err)
	if errors.As(err, new(*transport.Unavailable)) || errors.As(err, new(*engines.Unavailable)) || errors.As(err, new(*runtimes.Unavailable)) ||
		slices.ContainsFunc(exhausted, func(e error) bool { return errors.Is(err, e) }) {
		return lacking + reason
	}
	return reason
}

var exhausted = []error{syscall.ENOMEM, syscall.EAGAIN, syscall.EMFILE, syscall.ENFILE, syscall.ENOSPC}

func lacked(trial *results.Trial) bool {
	return trial.Status != results.OK && strings.HasPrefix(strings.TrimPrefix(trial.Reason, notAttempted), lacking)
}

func (p *runProgress) of(visit Visit) *visitProgress {
	if p.visits[visit] == nil {
		p.visits[visit] = &visitProgress{rows: make(map[handoff]bool)}
	}
	return p.visits[visit]
}

func (p *visitProgress) add(plan *Plan, trial *results.Trial) {
	_, step := plan.Cells[trial.CellIndex].placeOf(trial)
	p.rows[handoff{step, trial.Worker, trial.Target, trial.Phase}] = true
	if trial.Status == results.Failed && p.ended == "" {
		p.ended = trial.Reason
	}
}

func (p *visitProgress) forget(step int) {
	maps.DeleteFunc(p.rows, func(h handoff, _ bool) bool { return h.step == step })
}

func (p *visitProgress) whole(cell PlannedCell) int {
	for step := 0; ; step++ {
		for h := range cell.handoffs(step) {
			if !p.rows[h] {
				return step
			}
		}
	}
}

// left returns the visits that lack rows, in the order of the schedule.
func (p *runProgress) left(plan *Plan) []Visit {
	return slices.DeleteFunc(plan.Schedule(), func(visit Visit) bool {
		cell := &plan.Cells[visit.Cell]
		return p.of(visit).whole(*cell) >= cell.steps(visit)
	})
}

func (p *Plan) checkRow(trial *results.Trial) error {
	if trial.CellIndex < 0 || trial.CellIndex >= len(p.Cells) {
		return fmt.Errorf("cell %d, where the plan has %d", trial.CellIndex, len(p.Cells))
	}
	cell := p.Cells[trial.CellIndex]
	if trial.Cell != cell.Cell {
		return fmt.Errorf("cell %d is %+v, in the plan %+v", trial.CellIndex, trial.Cell, cell.Cell)
	}
	if trial.Trial < 0 || trial.Block < 0 || trial.Block >= cell.Starts+cell.More || trial.Noise && (!cell.Twice || trial.Block >= cell.Starts) {
		return fmt.Errorf("block %d, where the plan has %d", trial.Block, cell.Starts+cell.More)
	}
	if cell.Skip == "" && !slices.Contains(cell.phases(), trial.Phase) {
		return fmt.Errorf("phase %q, where the plan has %v", trial.Phase, cell.phases())
	}
	if visit, step := cell.placeOf(trial); step < 0 || step >= cell.steps(visit) || step < cell.firsts() && !trial.First || trial.Start != cell.start(visit) ||
		trial.Worker < 0 || trial.Worker >= cell.Sources() || trial.Target < 0 || trial.Target >= cell.Fanout {
		return fmt.Errorf("rep %d, worker %d, target %d of block %d are not in the plan", trial.Rep, trial.Worker, trial.Target, trial.Block)
	}
	return nil
}

// numbered gives each hand-off of a batch its number; the rows of one fan-out follow each other and share it.
func (p *runProgress) numbered(rows []results.Trial) []results.Trial {
	for i := range rows {
		row := &rows[i]
		if i == 0 || row.CellIndex != rows[i-1].CellIndex || row.Rep != rows[i-1].Rep || row.Worker != rows[i-1].Worker || row.First != rows[i-1].First {
			p.next++
		}
		row.Trial = p.next - 1
	}
	return rows
}
