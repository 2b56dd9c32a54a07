package sweep

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"rrbench/results"
)

// narrow measures more blocks, each a start of the cells whose interval is wider than asked for, until there is none
// or the budget has ended. A start is in the recorded plan before its first row is journaled.
func (r *Runner) narrow(ctx context.Context, past *runProgress) error {
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
			if err := r.next(ctx, visit, past); err != nil {
				return err
			}
		}
	}
}

// wide are the cells that more starts can still narrow: none of them has failed.
func (r *Runner) wide() (indices []int, err error) {
	summaries, err := r.Found()
	if err != nil {
		return nil, err
	}
	type interval struct {
		width  float64
		starts int
	}
	known := make(map[results.Point]interval)
	for i := range summaries {
		s := &summaries[i]
		point := results.Point{Cell: s.Cell, Load: s.Load, Conditions: s.Conditions}
		if s.Status == results.OK {
			known[point] = interval{(s.LatencyHi - s.LatencyLo) / s.LatencyMedian, s.Starts}
		}
	}
	for i := range r.Plan.Cells {
		cell := &r.Plan.Cells[i]
		point := cell.Point
		if phases := cell.phases(); cell.Kind != "" {
			point.Phase = phases[len(phases)-1]
		}
		now, ok := known[point]
		// NaN, of fewer starts than make an interval, is not narrow.
		if ok && cell.Skip == "" && cell.More < mostMore && !(now.width <= r.Plan.UntilWidth) {
			indices = append(indices, i)
			r.forecast.expect(i, min(startsMissing(now.width/r.Plan.UntilWidth, now.starts), mostMore-cell.More))
		}
	}
	return indices, nil
}

// startsMissing is about how many starts more make an interval narrower by a factor: it shrinks with the root of
// their number.
func startsMissing(factor float64, starts int) int {
	if math.IsNaN(factor) {
		return max(leastStarts-starts, 1)
	}
	return int(min(max(math.Ceil(float64(starts)*(factor*factor-1)), 1), mostMore))
}
