package sweep

import (
	"cmp"
	"errors"
	"fmt"

	"rrbench/results"
	"rrbench/transport"
)

// account names each cell that lacks rows: every planned hand-off must have ended as ok, failed or skipped, and every
// start without a failure must have a window.
func (p *Plan) account(trials []results.Trial, windows []results.Window) (missing []string) {
	rows, planned := make([]int, len(p.Cells)), make([]int, len(p.Cells))
	lacking, starts := make([]int, len(p.Cells)), make([]int, len(p.Cells))
	for _, visit := range p.Schedule() {
		cell := &p.Cells[visit.Cell]
		starts[visit.Cell]++
		planned[visit.Cell] += cell.steps(visit)
	}
	for i := range trials {
		if row := &trials[i]; p.checkRow(row) == nil {
			rows[row.CellIndex]++
		}
	}
	for _, visit := range p.withoutWindow(trials, windows) {
		lacking[visit.Cell]++
	}
	for i, cell := range p.Cells {
		perStep := 0
		for range cell.handoffs(0) {
			perStep++
		}
		planned[i] *= perStep
		if cell.Skip != "" {
			planned[i] = 1 // the row with the reason
		}
		lack := func(n, of int, what string) {
			if n > 0 {
				missing = append(missing, fmt.Sprintf("cell %d, %s %s %s %d bytes: %d of %d %s", i, cell.Transport, cell.Engine, cell.Codec, cell.SizeBytes, n, of, what))
			}
		}
		lack(planned[i]-rows[i], planned[i], "hand-offs have no row in trials.csv")
		lack(lacking[i], starts[i], "starts have no row in windows.csv")
	}
	return missing
}

// withoutWindow returns the visits whose hand-offs are all ok and whose window has no row.
func (p *Plan) withoutWindow(trials []results.Trial, windows []results.Window) (visits []Visit) {
	if p.Window == 0 {
		return nil
	}
	ok := make(map[Visit]int)
	for i := range trials {
		if row := &trials[i]; row.Status == results.OK && row.Phase == "" && p.checkRow(row) == nil {
			ok[Visit{row.Block, row.CellIndex, row.Noise}]++
		}
	}
	for _, w := range windows {
		delete(ok, Visit{w.Block, w.CellIndex, w.Noise})
	}
	for visit, n := range ok {
		if cell := &p.Cells[visit.Cell]; n == cell.steps(visit)*cell.Handoffs() {
			visits = append(visits, visit)
		}
	}
	return visits
}

func (p *Plan) check(infos map[string]transport.Info) error {
	switch {
	case len(p.Cells) == 0:
		return errors.New("it has no cells")
	case len(p.Cells) > maxCells:
		return tooManyCells(float64(len(p.Cells)))
	}
	if err := cmp.Or(warmups.check("warmup", p.Warmup), deadlines.check("deadline", p.Deadline)); err != nil {
		return err
	}
	starts := 0
	for i, cell := range p.Cells {
		if err := cell.check(infos); err != nil {
			return fmt.Errorf("cell %d, %s: %w", i, cell.Transport, err)
		}
		if cell.More < 0 || cell.More > mostMore {
			return fmt.Errorf("cell %d, %s: %d more starts", i, cell.Transport, cell.More)
		}
		starts = max(starts, cell.Starts+cell.More)
	}
	if p.Blocks != starts {
		return fmt.Errorf("%d blocks, where a cell has at most %d starts", p.Blocks, starts)
	}
	if p.Window < 0 || p.Window > longWindow {
		return fmt.Errorf("windows of %v", p.Window)
	}
	return p.checkVolume()
}

func (c *PlannedCell) check(infos map[string]transport.Info) error {
	if err := cmp.Or(repetitions.check("reps", c.Reps), repetitions.check("starts", c.Starts)); err != nil {
		return err
	}
	if c.Starts > c.Reps {
		return fmt.Errorf("%d starts for %d rounds", c.Starts, c.Reps)
	}
	if c.Kind != "" {
		return c.checkProgram()
	}
	info, known := infos[c.mechanism()]
	if !known {
		return errors.New("this program has no such transport")
	}
	if err := cmp.Or(sizes.check("size_bytes", Size(c.SizeBytes)), fanouts.check("fanout", c.Fanout), fanins.check("fanin", c.Fanin),
		concurrencies.check("concurrency", c.Concurrency), placements.check("placement", c.Placement), kinds.check("payload", c.Payload)); err != nil {
		return err
	}
	if _, err := parseMix(c.SizeMix, c.SizeBytes); err != nil {
		return err
	}
	if c.Skip != "" {
		return nil
	}
	return checkStandIn(info, *c)
}
