package plots

import (
	"cmp"
	"fmt"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"rrbench/results"
)

// An axis is one of the two logarithmic axes of a line figure.
type axis struct {
	title string
	ticks func(low, high float64) []plot.Tick
}

// A measure is what a line shows of a cell. In a CSV its columns are the name with median,
// lo and hi, and the unit.
type measure struct {
	name, unit string
	axis       axis
	of         func(*cell) estimate
}

// title names the measure and what its intervals are.
func (m measure) title(shown []*cell) string {
	short := 0
	for _, c := range shown {
		if c.N < results.MinimumRounds {
			short++
		}
	}
	switch short {
	case 0:
		return m.axis.title + " (median, 95 % interval)"
	case len(shown):
		return m.axis.title + " (median, range)"
	}
	return m.axis.title + fmt.Sprintf(" (median, 95 %% interval; range if n < %d)", results.MinimumRounds)
}

func (m measure) columns() []csvColumn {
	return []csvColumn{
		{m.name + "_median_" + m.unit, func(c *cell) float64 { return m.of(c).value }},
		{m.name + "_lo_" + m.unit, func(c *cell) float64 { return m.of(c).lo }},
		{m.name + "_hi_" + m.unit, func(c *cell) float64 { return m.of(c).hi }},
	}
}

// A lineFigure shows a measure of cells against one of their properties.
type lineFigure struct {
	cells   []*cell
	x       axis
	at      func(*cell) float64
	measure measure
	// perSize gives each payload size a panel.
	perSize bool
}

// A panelKey is what the lines of one panel have in common.
type panelKey struct {
	placement string
	size      int64
	engine    string
}

// distinguishable is how many lines with dashes for engines one panel can hold; more of
// them get a panel for each engine.
const distinguishable = 8

func (f *lineFigure) compose() (*drawing, error) {
	shown := f.shown()
	if len(shown) == 0 {
		return nil, errNoData("no cell has the numbers")
	}
	all := ordered(shown)
	engineNames := engines(shown)
	perEngine := len(engineNames) > 1 && len(all) > distinguishable
	looks := styles(all, !perEngine)

	keys := f.panelKeys(shown, engineNames, perEngine)
	columns := f.columnsOf(keys, perEngine, len(engineNames))
	xBound, yBound := nothing(), nothing()
	for _, c := range shown {
		xBound.include(f.at(c))
		e := f.measure.of(c)
		yBound.include(e.value, e.lo, e.hi)
	}
	xBound, yBound = xBound.margins(0.04), yBound.margins(0.04)

	var rows [][]*panel
	for i, key := range keys {
		if i%columns == 0 {
			rows = append(rows, make([]*panel, columns))
		}
		p := f.panel(key, all, looks)
		p.title = key.title(keys, engineNames)
		p.x = scale{xBound, true, f.x.ticks(xBound.low, xBound.high)}
		p.y = scale{yBound, true, f.measure.axis.ticks(yBound.low, yBound.high)}
		rows[len(rows)-1][i%columns] = p
	}
	s := &sheet{
		panels: rows, xTitle: f.x.title, yTitle: f.measure.title(shown), width: columnWidth, panelHeight: 2.1 * vg.Inch,
		legend: f.legend(all, looks, perEngine, len(engineNames)),
	}
	if len(keys) > 1 || len(all) > distinguishable {
		s.width = pageWidth
	}
	switch {
	case s.width == pageWidth && columns == 1:
		s.panelHeight = 2.8 * vg.Inch
	case len(rows) > 1:
		s.panelHeight = 1.8 * vg.Inch
	}
	return &drawing{width: s.width, height: s.height(), paint: s.paint, table: tableOf(f.cells, f.measure.columns(), f.why)}, nil
}

// shown selects the cells of which anything can be drawn.
func (f *lineFigure) shown() []*cell {
	var shown []*cell
	for _, c := range f.cells {
		if f.why(c) == "" {
			shown = append(shown, c)
		}
	}
	return shown
}

// why tells why a cell is not drawn, or nothing.
func (f *lineFigure) why(c *cell) string {
	switch {
	case !c.drawable():
		return string(c.Status)
	case !positive(f.measure.of(c).value) || !positive(f.at(c)):
		return "no positive number"
	}
	return ""
}

func (f *lineFigure) panelKeys(shown []*cell, engineNames []string, perEngine bool) []panelKey {
	panelSizes := []int64{0}
	if f.perSize {
		panelSizes = representative(sizes(shown), 3)
	}
	panelEngines := []string{""}
	if perEngine {
		panelEngines = engineNames
	}
	var keys []panelKey
	for _, placement := range distinct(shown, func(c *cell) string { return c.Placement }) {
		for _, size := range panelSizes {
			for _, engine := range panelEngines {
				keys = append(keys, panelKey{placement, size, engine})
			}
		}
	}
	return keys
}

// columnsOf is the number of panels side by side: engines, else what fits.
func (f *lineFigure) columnsOf(keys []panelKey, perEngine bool, engineCount int) int {
	switch {
	case perEngine && engineCount <= 3:
		return engineCount
	case len(keys) <= 3:
		return len(keys)
	case len(keys)%3 == 0:
		return 3
	}
	return 2
}

func (k panelKey) holds(c *cell) bool {
	return c.Placement == k.placement && (k.size == 0 || c.SizeBytes == k.size) && (k.engine == "" || c.engine() == k.engine || c.engine() == "native")
}

func (f *lineFigure) panel(key panelKey, all []series, looks map[series]style) *panel {
	p := &panel{acrossX: true, acrossY: true}
	var curves []*curve
	for _, s := range all {
		line := &curve{look: looks[s]}
		for _, c := range f.cells {
			if c.series() == s && key.holds(c) {
				line.points = append(line.points, point{f.at(c), f.measure.of(c), f.why(c) != ""})
			}
		}
		if len(line.points) > 0 {
			slices.SortStableFunc(line.points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
			curves = append(curves, line)
		}
	}
	spread(curves)
	// Later families are drawn first: what the figure is about lies on top.
	for _, line := range slices.Backward(curves) {
		p.layers = append(p.layers, line.draw)
	}
	return p
}

// title names what tells this panel from the others.
func (k panelKey) title(keys []panelKey, engineNames []string) string {
	var parts []string
	if k.size != 0 {
		parts = append(parts, sizeLabel(float64(k.size)))
	}
	switch {
	case k.engine != "":
		parts = append(parts, k.engine)
	case len(engineNames) == 1:
		parts = append(parts, engineNames[0])
	}
	if slices.ContainsFunc(keys, func(other panelKey) bool { return other.placement != k.placement }) {
		parts = append(parts, placementName(k.placement))
	}
	return join(parts)
}

func (f *lineFigure) legend(all []series, looks map[series]style, perEngine bool, engineCount int) legend {
	var l legend
	seen := make(map[string]bool)
	for _, s := range all {
		label := s.variant()
		if !perEngine && engineCount > 1 && !s.native() {
			label = join([]string{label, s.engine})
		}
		if !seen[label] {
			seen[label] = true
			l.entries = append(l.entries, lineEntry(label, looks[s]))
		}
	}
	return l
}
