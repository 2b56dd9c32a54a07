package sweep

import (
	"strings"

	"rrbench/results"
)

// past is what a run knows of itself so far: after a start nothing, after a resume what the
// journal tells.
type past struct {
	// rounds are the finished rounds of each visit.
	rounds map[Visit]int
	// failed holds the first reason of each cell that failed.
	failed map[int]string
	// next is the number of the next hand-off.
	next int
}

func recall(plan *Plan, done []results.Trial) *past {
	p := &past{rounds: make(map[Visit]int), failed: make(map[int]string)}
	for _, trial := range done {
		p.next = max(p.next, trial.Trial+1)
		if trial.CellIndex < 0 || trial.CellIndex >= len(plan.Cells) {
			continue
		}
		visit := Visit{Block: trial.Block, Cell: trial.CellIndex}
		switch trial.Status {
		case results.OK:
			p.rounds[visit] = max(p.rounds[visit], trial.Rep-plan.FirstRep(trial.Block)+1)
		case results.Failed:
			// A resumed run tries a failed cell again in the blocks that remain.
			p.rounds[visit] = plan.RoundsIn(trial.Block)
		}
	}
	return p
}

// numbered gives each hand-off of a batch its number; the rows of one fan-out share it.
func (p *past) numbered(rows []results.Trial) []results.Trial {
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

func oneLine(err error) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", "; ")), " ")
}
