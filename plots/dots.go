package plots

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// dots shows a line figure's measure for a single size: a row a series.
func dots(f *lineFigure) (*drawing, error) {
	looks := styles(ordered(f.cells), false)
	m := f.measure
	figure := &rowFigure{cells: f.cells, why: f.why, title: m.title(f.shown()), columns: m.columns()}
	figure.panel = func(cells []*cell) (scale, rowPainter) {
		values := nothing()
		for _, c := range cells {
			e := m.of(c)
			values.include(e.value, e.lo, e.hi)
		}
		return logarithmic(values, m.axis.ticks), func(v view, c *cell, middle, thickness vg.Length) {
			e, look := m.of(c), looks[c.series()]
			interval(v, e, middle, thickness, look)
			v.DrawGlyphNoClip(look.glyph(), vg.Point{X: v.toX(e.value), Y: middle})
		}
	}
	return figure.compose()
}

func interval(v view, e estimate, middle, thickness vg.Length, look style) {
	line := draw.LineStyle{Color: look.color, Width: vg.Points(0.9)}
	low, high := v.toX(max(e.lo, v.panel.x.low)), v.toX(e.hi)
	v.StrokeLine2(line, low, middle, high, middle)
	v.StrokeLine2(line, low, middle-thickness/4, low, middle+thickness/4)
	v.StrokeLine2(line, high, middle-thickness/4, high, middle+thickness/4)
}

// consumedAndDelivered shows what a hand-off without copies leaves to the reader: when B's
// handler is entered, and when it has read every byte.
func consumedAndDelivered(r *run) (*drawing, error) {
	cells := r.sized()
	looks := styles(ordered(cells), false)
	f := &rowFigure{
		cells: cells, title: "time since A asked for the transfer (median)",
		legend: legend{[]legendEntry{
			markEntry("delivered: B's handler is entered", style{color: black, shape: circle}),
			markEntry("consumed: B has read every byte", style{color: black, shape: circle, hollow: true}),
		}},
		columns: []csvColumn{
			{"latency_median_ns", func(c *cell) float64 { return c.LatencyMedian }},
			{"consumed_median_ns", func(c *cell) float64 { return c.ConsumedMedian }},
		},
		why: func(c *cell) string {
			switch {
			case !c.drawable():
				return string(c.Status)
			case !positive(c.LatencyMedian) || !positive(c.ConsumedMedian):
				return "no positive number"
			}
			return ""
		},
	}
	f.panel = func(cells []*cell) (scale, rowPainter) {
		values := nothing()
		for _, c := range cells {
			values.include(c.LatencyMedian, c.ConsumedMedian)
		}
		return logarithmic(values, durationTicks), func(v view, c *cell, middle, thickness vg.Length) {
			look := looks[c.series()]
			delivered, consumed := style{color: look.color, shape: circle}, style{color: look.color, shape: circle, hollow: true}
			from, to := v.toX(c.LatencyMedian), v.toX(c.ConsumedMedian)
			v.StrokeLine2(draw.LineStyle{Color: look.color, Width: vg.Points(1.2)}, from, middle, to, middle)
			v.DrawGlyphNoClip(consumed.glyph(), vg.Point{X: to, Y: middle})
			v.DrawGlyphNoClip(delivered.glyph(), vg.Point{X: from, Y: middle})
		}
	}
	return f.compose()
}
