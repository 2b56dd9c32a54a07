package plots

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A measure is what a figure shows of a cell. In a CSV its columns are the name with median,
// lo and hi, and the unit.
type measure struct {
	name, unit, title string
	label             func(float64) string
	of                func(*cell) estimate
}

// titleOf names the measure and its intervals.
func (m measure) titleOf(shown []*cell) string {
	with := where(shown, func(c *cell) bool { return m.of(c).lo > 0 })
	switch len(with) {
	case 0:
		return m.title
	case len(shown):
		return m.title + " (95 % interval)"
	}
	return m.title + " (95 % interval from 3 starts on)"
}

func (m measure) columns() []csvColumn {
	return []csvColumn{
		{m.name + "_median_" + m.unit, func(c *cell) float64 { return m.of(c).value }},
		{m.name + "_lo_" + m.unit, func(c *cell) float64 { return m.of(c).lo }},
		{m.name + "_hi_" + m.unit, func(c *cell) float64 { return m.of(c).hi }},
	}
}

// values are what an axis of the measure has to hold.
func (m measure) values(cells []*cell) []float64 {
	var values []float64
	for _, c := range cells {
		e := m.of(c)
		values = append(values, e.value, e.lo, e.hi)
	}
	return values
}

// interval is how far an estimate's interval reaches from its value, on a logarithmic axis: an
// interval of a summary.csv may be beside its value, and far away the difference rounds to zero.
func (e estimate) interval(axis plot.Axis) struct{ Low, High float64 } {
	low, high := e.value-max(e.lo, axis.Min), min(e.hi, axis.Max)-e.value
	return struct{ Low, High float64 }{max(min(low, e.value*(1-1e-15)), 0), max(high, 0)}
}

// A lineFigure shows a measure of cells against one of their properties.
type lineFigure struct {
	cells   []*cell
	x       property
	measure measure
	// perSize gives each payload size a panel.
	perSize bool
}

// shown selects the cells of which anything can be drawn.
func (f *lineFigure) shown() []*cell {
	return where(f.cells, func(c *cell) bool { return f.why(c) == "" })
}

// why tells why a cell is not drawn, or nothing.
func (f *lineFigure) why(c *cell) string {
	return c.lacks(f.measure.of(c).value, float64(f.x.of(c)))
}

// distinguishable is how many lines with dashes for engines one panel can hold; more of
// them get a panel for each engine.
const distinguishable = 8

// mostPanels are more than fit on a page, and few enough to be drawn in no time.
const mostPanels = 60

func (f *lineFigure) compose() (*sheet, error) {
	shown := f.shown()
	if len(shown) == 0 {
		return nil, errNoData("no cell has the numbers")
	}
	all := ordered(shown)
	perEngine := len(engines(all)) > 1 && len(all) > distinguishable
	looks := styles(all, !perEngine)
	facets, columns := f.facets(shown, engines(all), perEngine)
	if len(facets) > mostPanels {
		return nil, errNoData(fmt.Sprintf("%d panels, a figure can have %d", len(facets), mostPanels))
	}
	s := &sheet{
		xTitle: f.x.title, yTitle: f.measure.titleOf(shown), width: columnWidth, panelHeight: 2.1 * vg.Inch,
		legend: lineLegend(all, looks, perEngine), table: tableOf(f.cells, f.measure.columns(), f.why),
	}
	if slices.ContainsFunc(shown, func(c *cell) bool { return c.Saturated() }) {
		s.legend.entries = append(s.legend.entries, entry{"rate not reached", []plot.Thumbnailer{&plotter.Scatter{GlyphStyle: saturatedMark}}})
	}
	for i, facet := range facets {
		p := newPanel(plotter.Grid{Vertical: across, Horizontal: across})
		values := f.x.values(shown)
		logarithmic(&p.X, []float64{float64(values[0]), float64(values[len(values)-1])}, 0.04, at(values, f.x.label, f.x.apart))
		logarithmic(&p.Y, f.measure.values(shown), 0.04, decades(f.measure.label, 0.08))
		f.addCurves(p, where(f.cells, facet.holds), all, looks)
		p.Add(frame{facet.title})
		if i%columns == 0 {
			s.panels = append(s.panels, make([]*plot.Plot, columns))
		}
		s.panels[i/columns][i%columns] = p
	}
	if len(facets) > 1 || len(all) > distinguishable {
		s.width = pageWidth
	}
	switch {
	case s.width == pageWidth && columns == 1:
		s.panelHeight = 2.8 * vg.Inch
	case len(s.panels) > 1:
		s.panelHeight = 1.8 * vg.Inch
	}
	return s, nil
}

// A facet is the part of the cells that one panel shows, and what tells it from the others.
type facet struct {
	title string
	holds func(*cell) bool
}

// facets divides the cells into panels, so many side by side: one for each engine, else what
// fits.
func (f *lineFigure) facets(shown []*cell, engines []string, perEngine bool) (facets []facet, columns int) {
	placements, sizes := distinct(shown, func(c *cell) string { return c.Placement }), []int64{0}
	if f.perSize {
		sizes = representative(payload.values(shown), 3)
	}
	tails := distinct(shown, func(c *cell) int { return c.percentile })
	if len(engines) != 1 && !perEngine {
		engines = []string{""}
	}
	for _, placement := range placements {
		for _, size := range sizes {
			for _, tail := range tails {
				for _, engine := range engines {
					title := join(when(f.perSize, sizeLabel(float64(size))), when(len(tails) > 1, percentiles[tail].title), engine, when(len(placements) > 1, placementName(placement)))
					facets = append(facets, facet{title, func(c *cell) bool {
						return c.Placement == placement && (!f.perSize || c.SizeBytes == size) && c.percentile == tail &&
							(engine == "" || c.series.engine == engine || c.series.engine == "")
					}})
				}
			}
		}
	}
	switch {
	case perEngine && len(engines) <= 3:
		return facets, len(engines)
	case len(tails) > 1, len(facets) > 3 && len(facets)%3 != 0:
		return facets, 2
	}
	return facets, min(len(facets), 3)
}

// addCurves draws the series of a panel. The series stand a little beside their true place,
// so that intervals do not hide one another. Later families are drawn first: what the figure
// is about lies on top.
func (f *lineFigure) addCurves(p *plot.Plot, cells []*cell, all []series, looks map[series]style) {
	slices.SortStableFunc(cells, func(a, b *cell) int { return cmp.Compare(f.x.of(a), f.x.of(b)) })
	all = where(all, func(s series) bool { return slices.ContainsFunc(cells, func(c *cell) bool { return c.series == s }) })
	step := min(0.008, 0.03/float64(len(all)))
	for i, s := range slices.Backward(all) {
		aside := math.Pow(p.X.Max/p.X.Min, (float64(i)-float64(len(all)-1)/2)*step)
		f.addCurve(p, where(cells, func(c *cell) bool { return c.series == s }), aside, looks[s])
	}
}

// addCurve draws one series: a line, which a cell that cannot be drawn interrupts, with
// markers and intervals.
func (f *lineFigure) addCurve(p *plot.Plot, cells []*cell, aside float64, look style) {
	markers := &plotter.Scatter{GlyphStyle: look.glyph}
	intervals := &plotter.YErrorBars{LineStyle: draw.LineStyle{Color: look.line.Color, Width: 0.7}, CapWidth: 3.2}
	p.Add(intervals)
	var line *plotter.Line
	for _, c := range cells {
		if f.why(c) != "" {
			line = nil
			continue
		}
		if line == nil {
			line = &plotter.Line{LineStyle: look.line}
			p.Add(line)
		}
		e := f.measure.of(c)
		point := plotter.XY{X: float64(f.x.of(c)) * aside, Y: e.value}
		line.XYs, markers.XYs = append(line.XYs, point), append(markers.XYs, point)
		if e.lo < e.hi {
			intervals.XYs = append(intervals.XYs, point)
			intervals.YErrors = append(intervals.YErrors, e.interval(p.Y))
		}
	}
	saturated := &plotter.Scatter{GlyphStyle: saturatedMark}
	for i, c := range where(cells, func(c *cell) bool { return f.why(c) == "" }) {
		if c.Saturated() {
			saturated.XYs = append(saturated.XYs, markers.XYs[i])
		}
	}
	p.Add(markers, saturated)
}

// saturatedMark lies on the marker of a cell of which the rate was not reached: its latency grows
// with the length of the window.
var saturatedMark = draw.GlyphStyle{Color: black, Radius: 2.6, Shape: draw.CrossGlyph{}}

// lineLegend names the engines where the panels do not.
func lineLegend(all []series, looks map[series]style, perEngine bool) legend {
	l := legend{iconWidth: 18}
	for _, s := range all {
		label := join(s.variant(), when(!perEngine && len(engines(all)) > 1, s.engine))
		if !slices.ContainsFunc(l.entries, func(e entry) bool { return e.label == label }) {
			look := looks[s]
			l.entries = append(l.entries, entry{label, []plot.Thumbnailer{&plotter.Line{LineStyle: look.line}, &plotter.Scatter{GlyphStyle: look.glyph}}})
		}
	}
	return l
}
