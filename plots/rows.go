package plots

import (
	"cmp"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"rrbench/results"
)

// A rowFigure has a row for each series and a panel for each of a few payload sizes.
type rowFigure struct {
	cells []*cell
	// why is the reason for which a cell is not drawn, or empty.
	why     func(*cell) string
	columns []csvColumn
	title   string
	legend  legend
	// fill draws the cells of a panel, each in its row, and sets the horizontal axis.
	fill func(p *plot.Plot, cells []*cell, row func(*cell) float64)
}

const (
	rowHeight = 9.5
	// sparse labels are for a short axis.
	sparse = 0.2
)

func (f *rowFigure) compose() (*sheet, error) {
	shown := where(f.cells, func(c *cell) bool { return f.why(c) == "" })
	if len(shown) == 0 {
		return nil, errNoNumbers
	}
	chosen, all := representative(payload.values(shown)), ordered(shown)
	severalPlacements := slices.ContainsFunc(all, func(s series) bool { return s.placement != all[0].placement })
	var panels []*plot.Plot
	for _, size := range chosen {
		p := newPanel(plotter.Grid{Vertical: across})
		f.fill(p, where(shown, func(c *cell) bool { return c.SizeBytes == size }), func(c *cell) float64 { return float64(len(all) - 1 - slices.Index(all, c.series)) })
		var names []string
		for i, s := range all {
			// What differs between the series.
			names = append(names, join(s.variant(), s.engine, when(severalPlacements, placementName(s.placement))))
			if i > 0 && s.family != all[i-1].family {
				y := float64(len(all)-1-i) + 0.5
				between := plotter.XYs{{X: p.X.Min, Y: y}, {X: p.X.Max, Y: y}}
				p.Add(&plotter.Line{XYs: between, LineStyle: draw.LineStyle{Color: grey, Width: 0.3}})
			}
		}
		nameRows(p, names)
		p.Add(frame{sizeLabel(float64(size))})
		panels = append(panels, p)
	}
	s := &sheet{panels: [][]*plot.Plot{panels}, xTitle: f.title, legend: f.legend, width: pageWidth, panelHeight: rowHeight * vg.Length(len(all))}
	if len(chosen) == 1 {
		s.width = columnWidth
	}
	s.table = tableOf(f.cells, f.columns, func(c *cell) string {
		return cmp.Or(f.why(c), when(!slices.Contains(chosen, c.SizeBytes), "another size"))
	})
	return s, nil
}

// nameRows gives a panel rows with these names, from the top: the axis counts from the bottom.
func nameRows(p *plot.Plot, names []string) {
	var ticks plot.ConstantTicks
	for i, name := range names {
		ticks = append(ticks, plot.Tick{Value: float64(len(names) - 1 - i), Label: name})
	}
	p.Y.Min, p.Y.Max, p.Y.Tick.Marker, p.Y.Tick.Width = -0.5, float64(len(names))-0.5, ticks, 0
}

// dots shows a line figure's measure for a single size.
func dots(f *lineFigure) (*sheet, error) {
	m, looks := f.measure, styles(ordered(f.cells), false)
	rows := &rowFigure{cells: f.cells, why: f.why, title: m.titleOf(f.shown()), columns: m.columns()}
	rows.fill = func(p *plot.Plot, cells []*cell, row func(*cell) float64) {
		logarithmic(&p.X, m.values(cells), 0.07, decades(m.label, sparse))
		for _, c := range cells {
			e, look := m.of(c), looks[c.series]
			sideways(p, e, row(c), draw.LineStyle{Color: look.line.Color, Width: 0.9}, 3.3)
			p.Add(&plotter.Scatter{XYs: plotter.XYs{{X: e.Value, Y: row(c)}}, GlyphStyle: look.glyph}, link{e.Value, row(c), c})
		}
	}
	return rows.compose()
}

// A dot is one number of a cell in a figure that compares several.
type dot struct {
	name, column string
	shape        draw.GlyphDrawer
	of           func(*cell) results.Estimate
}

// dotFigure has the numbers of a cell in its row, joined by a line, on a logarithmic axis. A cell
// without any of them is not drawn.
func dotFigure(cells []*cell, title string, dots ...dot) (*sheet, error) {
	cells = sized(cells)
	looks := styles(ordered(cells), false)
	f := &rowFigure{cells: cells, title: title, legend: legend{iconWidth: 6}}
	for _, d := range dots {
		f.columns = append(f.columns, csvColumn{d.column, func(c *cell) float64 { return d.of(c).Value }})
		f.legend.entries = append(f.legend.entries, markEntry(d.name, draw.GlyphStyle{Color: black, Radius: 2, Shape: d.shape}))
	}
	f.why = func(c *cell) string {
		if slices.ContainsFunc(dots, func(d dot) bool { return positive(d.of(c).Value) }) {
			return c.lacks()
		}
		return c.lacks(0)
	}
	f.fill = func(p *plot.Plot, cells []*cell, row func(*cell) float64) {
		var values []float64
		for _, c := range cells {
			for _, d := range dots {
				values = append(values, d.of(c).Value)
			}
		}
		logarithmic(&p.X, values, 0.07, decades(durationLabel, sparse))
		for _, c := range cells {
			color := looks[c.series].line.Color
			marks := new(plotter.Scatter)
			var shapes []draw.GlyphStyle
			for _, d := range dots {
				e := d.of(c)
				if !positive(e.Value) {
					continue
				}
				sideways(p, e, row(c), draw.LineStyle{Color: color, Width: 0.5}, 2.4)
				marks.XYs = append(marks.XYs, plotter.XY{X: e.Value, Y: row(c)})
				p.Add(link{e.Value, row(c), c})
				shapes = append(shapes, draw.GlyphStyle{Color: color, Radius: 2, Shape: d.shape})
			}
			marks.GlyphStyleFunc = func(i int) draw.GlyphStyle { return shapes[i] }
			p.Add(&plotter.Line{XYs: marks.XYs, LineStyle: draw.LineStyle{Color: color, Width: 1.2}}, marks)
		}
	}
	return f.compose()
}

// consumedAndDelivered shows what a hand-off without copies leaves to the reader and to the next
// one: when B's handler is entered, when it has read every byte, and when A may write again.
func consumedAndDelivered(cells []*cell) (*sheet, error) {
	return dotFigure(cells, "time since A asked for the transfer (median)",
		dot{"delivered: B's handler is entered", "latency_median_ns", draw.CircleGlyph{}, func(c *cell) results.Estimate { return results.Estimate{Value: c.LatencyMedian} }},
		dot{"consumed: B has read every byte", "consumed_median_ns", round, func(c *cell) results.Estimate { return results.Estimate{Value: c.ConsumedMedian} }},
		dot{"cycle: A may write its next payload", "cycle_median_ns", bar{}, func(c *cell) results.Estimate { return results.Estimate{Value: c.CycleMedian} }})
}

// cpu shows what a hand-off costs the machine, in user and in kernel mode. JSON takes a thousand times
// what moving pages does: bars would show nothing else.
func cpu(cells []*cell) (*sheet, error) {
	return dotFigure(cells, "CPU time a hand-off, all processes (mean)",
		dot{"user mode", "cpu_user_ns_per_op", draw.CircleGlyph{}, func(c *cell) results.Estimate { return results.Estimate{Value: c.CPUUser} }},
		dot{"kernel mode, with the interval that its ticks allow", "cpu_kernel_ns_per_op", round, func(c *cell) results.Estimate {
			return results.Estimate{Value: c.CPUKernel, Lo: c.CPUKernelLo, Hi: c.CPUKernelHi}
		}})
}

type bar struct{}

func (bar) DrawGlyph(c *draw.Canvas, look draw.GlyphStyle, at vg.Point) {
	c.SetLineStyle(draw.LineStyle{Color: look.Color, Width: 1.1})
	var path vg.Path
	path.Move(vg.Point{X: at.X, Y: at.Y - look.Radius*1.4})
	path.Line(vg.Point{X: at.X, Y: at.Y + look.Radius*1.4})
	c.Stroke(path)
}
