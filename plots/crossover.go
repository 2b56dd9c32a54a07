package plots

import (
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"rrbench/results"
)

// pairs are mechanisms of a family of which one copies a payload and another hands it over by reference: the first
// of several that was measured.
var pairs = []struct {
	copies string
	refers []string
}{{"user/copy", []string{"user/memfd", "user/remap"}}, {"kernel/stream", []string{"kernel/memfd"}}, {"network/stream", []string{"network/splice"}}}

// comparedTo returns the cells at each size of what copies, and of what refers and was measured alike.
func comparedTo(cells []*cell, copies, refers, engine string) (of [][2]*cell) {
	for _, c := range cells {
		if c.Transport != copies || c.series.engine != engine {
			continue
		}
		like := c.series
		at := slices.IndexFunc(cells, func(d *cell) bool {
			like.kind, like.transport = d.series.kind, refers
			return d.series == like && d.SizeBytes == c.SizeBytes
		})
		if at >= 0 && c.Placement == cells[0].Placement {
			of = append(of, [2]*cell{c, cells[at]})
		}
	}
	return of
}

// ofPairs are the moments at which the two are compared: what moves pages delivers sooner, and may leave more to do.
var ofPairs = []struct{ column, title string }{{"latency_median_ns", "until delivered"}, {"consumed_median_ns", "until consumed"}, {"cycle_median_ns", "whole cycle"}}

// crossover shows from which size on to hand over by reference takes less time than to copy: the ratio of the
// two, where both were measured alike.
func crossover(cells []*cell) (*sheet, error) {
	type line struct {
		label string
		look  style
		// of has the cells of each size: what copies, and what refers.
		of [][2]*cell
	}
	cells = where(sized(cells), (*cell).usable)
	var lines []line
	compared := engines(ordered(cells))
	compared = compared[:min(len(compared), mostLines/len(pairs))]
	for i, pair := range pairs {
		for j, engine := range compared {
			var of [][2]*cell
			refers := ""
			for _, refers = range pair.refers {
				if of = comparedTo(cells, pair.copies, refers, engine); len(of) > 1 {
					break
				}
			}
			if len(of) < 2 {
				continue
			}
			slices.SortStableFunc(of, func(a, b [2]*cell) int { return int(a[0].SizeBytes - b[0].SizeBytes) })
			of = slices.CompactFunc(of, func(a, b [2]*cell) bool { return a[0].SizeBytes == b[0].SizeBytes })
			colour := []system{userMode, kernelMode, networkOwn}[i].color
			look := style{draw.LineStyle{Color: colour, Width: 1.2}, draw.GlyphStyle{Color: colour, Radius: 2, Shape: []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}}[i]}}
			if j > 0 {
				look.line.Dashes = []vg.Length{vg.Length(2 + 2*j), 2}
			}
			lines = append(lines, line{join(refers+" / "+pair.copies, engine), look, of})
		}
	}
	if len(lines) == 0 {
		return nil, errNoData("no two sizes of what copies and what refers, as user/copy and user/memfd")
	}
	s := &sheet{xTitle: payload.title, yTitle: "time by reference over time by copying", width: pageWidth, panelHeight: 2.1 * vg.Inch, panels: [][]*plot.Plot{nil}, legend: legend{iconWidth: 18},
		table:   [][]string{{"of", "transport", "base_transport", "engine", "placement", "size_bytes", "ratio", "ratio_lo", "ratio_hi", "base_cell_id", "cell_id"}},
		caption: "Below 1 handing over by reference is faster. Intervals are Welch's, on the logarithms of the starts' medians."}
	for _, l := range lines {
		s.legend.entries = append(s.legend.entries, l.look.entry(l.label))
	}
	var panels []*plot.Plot
	marks := make([][][]mark, len(ofPairs)) // by moment and line
	var xs, ys []float64
	for i, moment := range ofPairs {
		m, err := results.MeasureOf(moment.column)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			var of []mark
			for _, both := range l.of {
				ratio := both[1].measured.Sample(m).Over(both[0].measured.Sample(m))
				of = append(of, mark{x: float64(both[1].SizeBytes), Estimate: ratio, cell: both[1]})
				xs, ys = append(xs, float64(both[1].SizeBytes)), append(ys, ratio.Value, ratio.Lo, ratio.Hi)
				s.table = append(s.table, []string{moment.title, both[1].Transport, both[0].Transport, both[1].Engine, both[1].Placement, decimal(float64(both[1].SizeBytes)),
					decimal(ratio.Value), decimal(ratio.Lo), decimal(ratio.Hi), both[0].ID(), both[1].ID()})
			}
			marks[i] = append(marks[i], of)
		}
	}
	for i, moment := range ofPairs {
		p := newPanel(plotter.Grid{Vertical: across, Horizontal: across})
		logarithmic(&p.X, xs, 0.04, at(slices.Compact(slices.Sorted(slices.Values(xs))), payload.label, payload.apart*1.6))
		logarithmic(&p.Y, append(ys, 1), 0.05, decades(plainLabel, 0.08))
		p.Add(&plotter.Line{XYs: plotter.XYs{{X: p.X.Min, Y: 1}, {X: p.X.Max, Y: 1}}, LineStyle: draw.LineStyle{Color: black, Width: 0.6}})
		for j, of := range marks[i] {
			drawCurve(p, of, lines[j].look)
		}
		p.Add(frame{moment.title})
		panels = append(panels, p)
	}
	s.panels, s.titleLines = [][]*plot.Plot{panels}, 1
	return s, nil
}
