package plots

import (
	"image/color"
	"slices"
)

// engineColors are those of lines that tell engines from one another, apart for colour-blind eyes too
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
