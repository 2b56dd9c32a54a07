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
	"rrbench/transport"
)

// runProgress is what a run knows of itself so far: after a start nothing, after a resume what the
// journal holds.
type runProgress struct {
	// visits are those that have rows.
	visits map[Visit]*visitProgress
	// failed holds the first reason of each cell that failed in this run. A resumed run
	// tries the cells again that failed before, in the blocks that remain.
	failed map[int]string
	// next is the number of the next hand-off.
	next int
}

// visitProgress is what is journaled of a visit.
type visitProgress struct {
	rows map[handoff]bool
	// ended is why the rounds of the visit that have no rows are not attempted.
	ended string
}

// handoff is a hand-off to one target among those of a visit; rounds count from 0.
type handoff struct{ round, worker, target int }

// loadProgress reads what a journal holds. A row that cannot be of this plan is an error.
func loadProgress(plan *Plan, done []results.Trial) (*runProgress, error) {
	p := &runProgress{visits: make(map[Visit]*visitProgress), failed: make(map[int]string)}
	for _, trial := range done {
		p.next = max(p.next, trial.Trial+1)
		if err := plan.checkRow(&trial); err != nil {
			return nil, fmt.Errorf("hand-off %d of trials.csv: %w", trial.Trial, err)
		}
		if plan.Cells[trial.CellIndex].Skip == "" && !lacked(&trial) {
			p.of(Visit{Block: trial.Block, Cell: trial.CellIndex}).add(plan, &trial)
		}
	}
	return p, nil
}

// lacking begins the reason of a visit that has failed before anything was measured, for want of
// something that may be there when the run is resumed: it is tried again then.
const lacking = "lacking: "

// reasonOf is why a visit has failed.
func reasonOf(err error) string {
	var carrier *transport.Unavailable
	var engine *engines.Unavailable
	switch {
	case errors.As(err, &carrier), errors.As(err, &engine):
	case slices.ContainsFunc(exhausted, func(e error) bool { return errors.Is(err, e) }):
	default:
		return foreign.Error(err)
	}
	return lacking + foreign.Error(err)
}

// exhausted are errors of a machine that has no more of something.
var exhausted = []error{syscall.ENOMEM, syscall.EAGAIN, syscall.EMFILE, syscall.ENFILE, syscall.ENOSPC}

// lacked says that a row is one of a visit that reasonOf says so of.
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
	p.rows[handoff{trial.Rep - plan.FirstRep(trial.Block), trial.Worker, trial.Target}] = true
	if trial.Status == results.Failed && p.ended == "" {
		p.ended = trial.Reason
	}
}

// forget has a round without rows again.
func (p *visitProgress) forget(round int) {
	maps.DeleteFunc(p.rows, func(h handoff, _ bool) bool { return h.round == round })
}

// whole counts the rounds from the first on that have all their rows.
func (p *visitProgress) whole(cell PlannedCell) int {
	for round := 0; ; round++ {
		for worker := range cell.Concurrency {
			for target := range cell.Fanout {
				if !p.rows[handoff{round, worker, target}] {
					return round
				}
			}
		}
	}
}

// checkRow says why a row cannot be one of the plan's.
func (p *Plan) checkRow(trial *results.Trial) error {
	if trial.CellIndex < 0 || trial.CellIndex >= len(p.Cells) {
		return fmt.Errorf("cell %d, where the plan has %d", trial.CellIndex, len(p.Cells))
	}
	cell := p.Cells[trial.CellIndex]
	if trial.Cell != cell.Cell {
		return fmt.Errorf("cell %d is %+v, in the plan %+v", trial.CellIndex, trial.Cell, cell.Cell)
	}
	if trial.Trial < 0 || trial.Block < 0 || trial.Block >= p.Blocks {
		return fmt.Errorf("block %d, where the plan has %d", trial.Block, p.Blocks)
	}
	if round := trial.Rep - p.FirstRep(trial.Block); round < 0 || round >= p.RoundsIn(trial.Block) ||
		trial.Worker < 0 || trial.Worker >= cell.Concurrency || trial.Target < 0 || trial.Target >= cell.Fanout {
		return fmt.Errorf("rep %d, worker %d, target %d of block %d are not in the plan", trial.Rep, trial.Worker, trial.Target, trial.Block)
	}
	return nil
}

// numbered gives each hand-off of a batch its number; the rows of one fan-out share it.
func (p *runProgress) numbered(rows []results.Trial) []results.Trial {
	type handoff struct{ cell, rep, worker int }
	numbers := make(map[handoff]int, len(rows))
	for i := range rows {
		key := handoff{rows[i].CellIndex, rows[i].Rep, rows[i].Worker}
		number, ok := numbers[key]
		if !ok {
			number = p.next
			numbers[key] = number
			p.next++
		}
		rows[i].Trial = number
	}
	return rows
}
