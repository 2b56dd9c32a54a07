package plots

import (
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A rowFigure has a row for each series and a panel for each of a few payload sizes.
type rowFigure struct {
	cells []*cell
	// why tells why a cell is not drawn, or nothing.
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
		return nil, errNoData("no cell has the numbers")
	}
	chosen, all := representative(payload.values(shown), 3), ordered(shown)
	panels := make([]*plot.Plot, len(chosen))
	for i, size := range chosen {
		panels[i] = f.panel(where(shown, func(c *cell) bool { return c.SizeBytes == size }), all)
		panels[i].Add(frame{sizeLabel(float64(size))})
	}
	s := &sheet{panels: [][]*plot.Plot{panels}, xTitle: f.title, legend: f.legend, width: pageWidth, panelHeight: rowHeight * vg.Length(len(all))}
	if len(chosen) == 1 {
		s.width = columnWidth
	}
	s.table = tableOf(f.cells, f.columns, func(c *cell) string {
		why := f.why(c)
		if why == "" && !slices.Contains(chosen, c.SizeBytes) {
			why = "another size"
		}
		return why
	})
	return s, nil
}

func (f *rowFigure) panel(cells []*cell, all []series) *plot.Plot {
	p := newPanel(plotter.Grid{Vertical: across})
	f.fill(p, cells, func(c *cell) float64 { return float64(len(all) - 1 - slices.Index(all, c.series)) })
	severalPlacements := slices.ContainsFunc(all, func(s series) bool { return s.placement != all[0].placement })
	var names plot.ConstantTicks
	for i, s := range all {
		y := float64(len(all) - 1 - i)
		// What tells the series from the others.
		name := join(s.variant(), s.engine, when(severalPlacements, placementName(s.placement)))
		names = append(names, plot.Tick{Value: y, Label: name})
		if i > 0 && s.family != all[i-1].family {
			between := plotter.XYs{{X: p.X.Min, Y: y + 0.5}, {X: p.X.Max, Y: y + 0.5}}
			p.Add(&plotter.Line{XYs: between, LineStyle: draw.LineStyle{Color: grey, Width: 0.3}})
		}
	}
	p.Y.Min, p.Y.Max, p.Y.Tick.Marker, p.Y.Tick.Width = -0.5, float64(len(all))-0.5, names, 0
	return p
}

// dots shows a line figure's measure for a single size.
func dots(f *lineFigure) (*sheet, error) {
	m, looks := f.measure, styles(ordered(f.cells), false)
	rows := &rowFigure{cells: f.cells, why: f.why, title: m.titleOf(f.shown()), columns: m.columns()}
	rows.fill = func(p *plot.Plot, cells []*cell, row func(*cell) float64) {
		logarithmic(&p.X, m.values(cells), 0.07, decades(m.label, sparse))
		for _, c := range cells {
			e, look := m.of(c), looks[c.series]
			at := plotter.XYs{{X: e.value, Y: row(c)}}
			if e.lo < e.hi {
				line := draw.LineStyle{Color: look.line.Color, Width: 0.9}
				p.Add(&plotter.XErrorBars{XYs: at, XErrors: plotter.XErrors{e.interval(p.X)}, LineStyle: line, CapWidth: 3.3})
			}
			p.Add(&plotter.Scatter{XYs: at, GlyphStyle: look.glyph})
		}
	}
	return rows.compose()
}

// consumedAndDelivered shows what a hand-off without copies leaves to the reader: when B's
// handler is entered, and when it has read every byte.
func consumedAndDelivered(cells []*cell) (*sheet, error) {
	cells = sized(cells)
	looks := styles(ordered(cells), false)
	delivered := draw.GlyphStyle{Color: black, Radius: 2, Shape: draw.CircleGlyph{}}
	consumed := draw.GlyphStyle{Color: black, Radius: 2, Shape: ring}
	f := &rowFigure{
		cells: cells, title: "time since A asked for the transfer (median)",
		legend: legend{6, []entry{
			{"delivered: B's handler is entered", []plot.Thumbnailer{&plotter.Scatter{GlyphStyle: delivered}}},
			{"consumed: B has read every byte", []plot.Thumbnailer{&plotter.Scatter{GlyphStyle: consumed}}},
		}},
		columns: []csvColumn{
			{"latency_median_ns", func(c *cell) float64 { return c.LatencyMedian }},
			{"consumed_median_ns", func(c *cell) float64 { return c.ConsumedMedian }},
		},
		why: func(c *cell) string { return c.lacks(c.LatencyMedian, c.ConsumedMedian) },
	}
	f.fill = func(p *plot.Plot, cells []*cell, row func(*cell) float64) {
		var values []float64
		for _, c := range cells {
			values = append(values, c.LatencyMedian, c.ConsumedMedian)
			ends := plotter.XYs{{X: c.ConsumedMedian, Y: row(c)}, {X: c.LatencyMedian, Y: row(c)}}
			marks := []draw.GlyphStyle{consumed, delivered}
			for i := range marks {
				marks[i].Color = looks[c.series].line.Color
			}
			p.Add(&plotter.Line{XYs: ends, LineStyle: draw.LineStyle{Color: marks[0].Color, Width: 1.2}},
				&plotter.Scatter{XYs: ends, GlyphStyleFunc: func(i int) draw.GlyphStyle { return marks[i] }})
		}
		logarithmic(&p.X, values, 0.07, decades(durationLabel, sparse))
	}
	return f.compose()
}
