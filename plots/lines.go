package plots

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"rrbench/results"
	"rrbench/results/published"
)

// A measure is what a figure shows of a cell. In a CSV its columns are the name with median,
// lo and hi, and the unit.
type measure struct {
	name, unit, title string
	label             func(float64) string
	of                func(*cell) results.Estimate
	// higher is set where more is better.
	higher bool
}

func (m measure) titleOf(shown []*cell) string {
	with := where(shown, func(c *cell) bool { return m.of(c).Lo > 0 })
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
		{m.name + "_median_" + m.unit, func(c *cell) float64 { return m.of(c).Value }},
		{m.name + "_lo_" + m.unit, func(c *cell) float64 { return m.of(c).Lo }},
		{m.name + "_hi_" + m.unit, func(c *cell) float64 { return m.of(c).Hi }},
	}
}

func (m measure) values(cells []*cell) []float64 {
	var values []float64
	for _, c := range cells {
		e := m.of(c)
		values = append(values, e.Value, e.Lo, e.Hi)
	}
	return values
}

// interval is how far an estimate's interval reaches from its value, on a logarithmic axis: an
// interval of a summary.csv may be beside its value, and far away the difference rounds to zero.
func interval(e results.Estimate, axis plot.Axis) struct{ Low, High float64 } {
	low, high := e.Value-max(e.Lo, axis.Min), min(e.Hi, axis.Max)-e.Value
	return struct{ Low, High float64 }{max(min(low, e.Value*(1-1e-15)), 0), max(high, 0)}
}

// sideways draws an estimate's interval in a row, where it has one.
func sideways(p *plot.Plot, e results.Estimate, row float64, line draw.LineStyle, cap vg.Length) {
	if e.Lo < e.Hi {
		at := plotter.XYs{{X: e.Value, Y: row}}
		p.Add(&plotter.XErrorBars{XYs: at, XErrors: plotter.XErrors{interval(e, p.X)}, LineStyle: line, CapWidth: cap})
	}
}

// A lineFigure shows a measure of cells against one of their properties.
type lineFigure struct {
	cells   []*cell
	x       property
	measure measure
	perSize bool
}

func (f *lineFigure) shown() []*cell {
	return where(f.cells, func(c *cell) bool { return f.why(c) == "" })
}

func (f *lineFigure) why(c *cell) string {
	return c.lacks(f.measure.of(c).Value, float64(f.x.of(c)))
}

// mostLines is how many lines one panel can hold. More of them get a panel for each engine, and
// where that does not suffice for each family, with the best of all and the limit as references.
const mostLines = 6

// mostPanels are more than fit on a page, and few enough to be drawn in no time.
const mostPanels = 60

func (f *lineFigure) compose() (*sheet, error) {
	shown := f.shown()
	if len(shown) == 0 {
		return nil, errNoNumbers
	}
	all := ordered(shown)
	perEngine := len(engines(all)) > 1 && len(all) > mostLines
	looks := styles(all, !perEngine)
	facets, columns := f.facets(shown, engines(all), perEngine)
	split := false
	if slices.ContainsFunc(facets, func(one facet) bool { return len(one.series(shown)) > mostLines }) {
		facets, columns = f.split(facets, shown)
		split, all = true, where(all, func(s series) bool {
			return slices.ContainsFunc(facets, func(one facet) bool { return slices.Contains(one.series(shown), s) })
		})
	}
	l := legend{iconWidth: 18}
	for _, s := range all {
		// The panels may name the engines.
		label := join(s.variant(), when(!perEngine && len(engines(all)) > 1, s.engine))
		if !slices.ContainsFunc(l.entries, func(e entry) bool { return e.label == label }) {
			l.entries = append(l.entries, looks[s].entry(label))
		}
	}
	if slices.ContainsFunc(shown, func(c *cell) bool { return c.Saturated() }) {
		l.entries = append(l.entries, markEntry("rate not reached", crossMark))
	}
	if split {
		l.entries = append(l.entries, lineEntry("best of the transports with every point", bestLine), lineEntry("fastest limit of the panel's transports", limitLine))
	}
	return f.sheet(facets, columns, l, all, looks)
}

// sheet has the panels, so many side by side.
func (f *lineFigure) sheet(facets []facet, columns int, l legend, all []series, looks map[series]style) (*sheet, error) {
	if len(facets) > mostPanels {
		return nil, errNoData(fmt.Sprintf("%d panels, a figure can have %d", len(facets), mostPanels))
	}
	shown := f.shown()
	s := &sheet{
		xTitle: f.x.title, yTitle: f.measure.titleOf(shown), width: columnWidth, panelHeight: 2.1 * vg.Inch,
		legend: l, table: tableOf(f.cells, f.measure.columns(), f.why),
	}
	// Labels need as much of a narrow axis as they are wide.
	apart := f.x.apart * max(1, vg.Length(columns)/1.9).Points()
	for i, facet := range facets {
		p := newPanel(plotter.Grid{Vertical: across, Horizontal: across})
		values := f.x.values(shown)
		logarithmic(&p.X, []float64{float64(values[0]), float64(values[len(values)-1])}, 0.04, at(values, f.x.label, apart))
		logarithmic(&p.Y, f.measure.values(shown), 0.04, decades(f.measure.label, 0.08))
		for _, reference := range []struct {
			cells []*cell
			line  draw.LineStyle
		}{{facet.best, bestLine}, {facet.limit, limitLine}} {
			if best := f.best(reference.cells); len(best) > 0 {
				p.Add(&plotter.Line{XYs: best, LineStyle: reference.line})
			}
		}
		f.addCurves(p, where(f.cells, facet.holds), all, looks)
		p.Add(frame{facet.title})
		s.titleLines = max(s.titleLines, 1+strings.Count(facet.title, "\n"))
		if i%columns == 0 {
			s.panels = append(s.panels, make([]*plot.Plot, columns))
		}
		s.panels[i/columns][i%columns] = p
	}
	if len(facets) > 1 || len(all) > mostLines {
		s.width = pageWidth
	}
	switch rows := vg.Length(len(s.panels)); {
	case s.width == pageWidth && columns == 1:
		s.panelHeight = 2.8 * vg.Inch
	case rows > 1:
		const page = 9.2 * vg.Inch
		s.panelHeight = min(1.8*vg.Inch, (page-s.below())/rows-s.around()-rowGap)
	}
	return s, nil
}

// bestLine is the reference of panels that show one family.
var bestLine = draw.LineStyle{Color: color.Gray{185}, Width: 2.2}

// best is the best number of cells at each place of the axis, of the same series throughout: those that have a number
// at every place.
func (f *lineFigure) best(cells []*cell) (line plotter.XYs) {
	cells = where(cells, func(c *cell) bool { return f.why(c) == "" })
	places := f.x.values(cells)
	whole := make(map[series]bool)
	for _, s := range ordered(cells) {
		whole[s] = len(f.x.values(where(cells, func(c *cell) bool { return c.series == s }))) == len(places)
	}
	cells = where(cells, func(c *cell) bool { return whole[c.series] })
	for _, x := range places {
		best := math.NaN()
		for _, c := range cells {
			value := f.measure.of(c).Value
			if f.x.of(c) == x && (math.IsNaN(best) || f.measure.higher && value > best || !f.measure.higher && value < best) {
				best = value
			}
		}
		if positive(best) {
			line = append(line, plotter.XY{X: float64(x), Y: best})
		}
	}
	return line
}

// A facet is the part of the cells that one panel shows, and what it differs in from the others.
type facet struct {
	title string
	holds func(*cell) bool
	// best and limit are the cells of which the best is a line of reference.
	best, limit []*cell
}

func (one facet) series(shown []*cell) []series { return ordered(where(shown, one.holds)) }

// grouped names the group of a series in panels of one family: a family that serializes is divided by
// its codecs.
func (s series) grouped() string { return join(s.family, when(s.codec != "none", s.codec)) }

// split gives each family of a facet a panel, or several, with references.
func (f *lineFigure) split(facets []facet, shown []*cell) (panels []facet, columns int) {
	const ofFamily = mostLines - 2
	for _, whole := range facets {
		cells := where(shown, whole.holds)
		transports := where(cells, func(c *cell) bool { return !c.series.limit })
		all := ordered(cells)
		for _, group := range distinct(all, series.grouped) {
			of := where(all, func(s series) bool { return s.grouped() == group })
			if of[0].limit {
				of = where(of, func(s series) bool {
					return !slices.ContainsFunc(transports, func(c *cell) bool { return slices.Contains(c.limits, s.transport) })
				})
			}
			for part := range slices.Chunk(of, ofFamily) {
				limits := where(cells, func(c *cell) bool {
					return slices.ContainsFunc(transports, func(t *cell) bool { return slices.Contains(part, t.series) && slices.Contains(t.limits, c.Transport) })
				})
				panels = append(panels, facet{strings.Trim(group+"\n"+whole.title, "\n"), func(c *cell) bool { return whole.holds(c) && slices.Contains(part, c.series) }, transports, limits})
			}
		}
	}
	columns = min(len(panels), 3+len(panels)/13)
	if len(panels)%(4*len(facets)) == 0 {
		columns = 4 // a row for each
	}
	for ; columns > 1; columns-- {
		const labels = 45 // of the vertical axis
		room := (pageWidth-labels)/vg.Length(columns) - columnGap
		if !slices.ContainsFunc(panels, func(one facet) bool { return panelTitle.Width(one.title) > room }) {
			break
		}
	}
	return panels, columns
}

// facets divides the cells into panels, so many side by side: one for each engine, else what
// fits.
func (f *lineFigure) facets(shown []*cell, engines []string, perEngine bool) (facets []facet, columns int) {
	placements, sizes := distinct(shown, func(c *cell) string { return c.Placement }), []int64{0}
	if f.perSize {
		sizes = representative(payload.values(shown))
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
					facets = append(facets, facet{title: title, holds: func(c *cell) bool {
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

// addCurves draws the series of a panel, each interrupted by a cell that cannot be drawn. They stand a
// little beside their true place, so that intervals do not hide one another. Later families are drawn
// first: what the figure is about lies on top.
func (f *lineFigure) addCurves(p *plot.Plot, cells []*cell, all []series, looks map[series]style) {
	slices.SortStableFunc(cells, func(a, b *cell) int { return cmp.Compare(f.x.of(a), f.x.of(b)) })
	all = where(all, func(s series) bool { return slices.ContainsFunc(cells, func(c *cell) bool { return c.series == s }) })
	step := min(0.008, 0.03/float64(len(all)))
	for i, s := range slices.Backward(all) {
		aside := math.Pow(p.X.Max/p.X.Min, (float64(i)-float64(len(all)-1)/2)*step)
		saturated := &plotter.Scatter{GlyphStyle: crossMark}
		var marks []mark
		for _, c := range where(cells, func(c *cell) bool { return c.series == s }) {
			m := mark{x: float64(f.x.of(c)) * aside, cell: c}
			if f.why(c) == "" {
				m.Estimate = f.measure.of(c)
				if c.Saturated() {
					saturated.XYs = append(saturated.XYs, plotter.XY{X: m.x, Y: m.Value})
				}
			}
			marks = append(marks, m)
		}
		drawCurve(p, marks, looks[s])
		p.Add(saturated)
	}
}

// A mark is a number in a panel.
type mark struct {
	x float64
	results.Estimate
	measured results.Estimate // as it was before it was normalised
	cell     *cell            // of the run, else
	from     published.Value  // what was published
}

// drawCurve draws the run's marks with their intervals and links, and a line between them. What cannot be drawn
// interrupts it.
func drawCurve(p *plot.Plot, marks []mark, look style) {
	markers := &plotter.Scatter{GlyphStyle: look.glyph}
	intervals := &plotter.YErrorBars{LineStyle: draw.LineStyle{Color: look.line.Color, Width: 0.7}, CapWidth: 3.2}
	p.Add(intervals)
	var line *plotter.Line
	for _, m := range marks {
		if !positive(m.Value) {
			line = nil
			continue
		}
		if line == nil {
			line = &plotter.Line{LineStyle: look.line}
			p.Add(line)
		}
		point := plotter.XY{X: m.x, Y: m.Value}
		line.XYs, markers.XYs = append(line.XYs, point), append(markers.XYs, point)
		p.Add(link{m.x, m.Value, m.cell})
		if m.Lo < m.Hi {
			intervals.XYs = append(intervals.XYs, point)
			intervals.YErrors = append(intervals.YErrors, interval(m.Estimate, p.Y))
		}
	}
	p.Add(markers)
}

// crossMark lies on the marker of a published value that has a flag, and of a cell of which the rate was not
// reached: its latency grows with the length of the window.
var crossMark = draw.GlyphStyle{Color: black, Radius: 2.6, Shape: draw.CrossGlyph{}}

// engineColors are those of one line an engine; colour-blind eyes see them apart, too
// (https://jfly.uni-koeln.de/color/).
var engineColors = []color.Color{blue, vermillion, bluishGreen, reddishPurple, skyBlue, orange}

// besideEngines gives each transport a panel, with a line for each engine.
func besideEngines(cells []*cell) (*sheet, error) {
	f := &lineFigure{x: payload, measure: latency, cells: where(sized(cells), func(c *cell) bool { return c.series.engine != "" && !c.series.limit })}
	shown := f.shown()
	all := ordered(shown)
	names := engines(all)
	if len(names) < 2 {
		return nil, errNoData("there are not two engines to compare: rrbench sweep --engines wazero,wasmtime")
	}
	looks := make(map[series]style, len(all))
	l := legend{iconWidth: 18}
	for i, name := range names {
		look := styleOf(engineColors[i%len(engineColors)], i)
		for _, s := range all {
			if s.engine == name {
				looks[s] = look
			}
		}
		l.entries = append(l.entries, look.entry(name))
	}
	var facets []facet
	placements := distinct(shown, func(c *cell) string { return c.Placement })
	for _, placement := range placements {
		for _, variant := range distinct(all, series.variant) {
			one := facet{
				title: join(variant, when(len(placements) > 1, placementName(placement))),
				holds: func(c *cell) bool { return c.Placement == placement && c.series.variant() == variant },
			}
			if slices.ContainsFunc(shown, one.holds) {
				facets = append(facets, one)
			}
		}
	}
	return f.sheet(facets, min(len(facets), 3), l, all, looks)
}
