package plots

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A point is one cell on a line. A gap has no place in it and interrupts it.
type point struct {
	x   float64
	y   estimate
	gap bool
}

// A curve is one series: a line with markers and intervals.
type curve struct {
	look   style
	points []point
	// shift moves the series a little to the side, so that intervals at the same place
	// do not hide one another.
	shift vg.Length
}

func (l *curve) draw(v view) {
	interval := draw.LineStyle{Color: l.look.color, Width: vg.Points(0.7)}
	var stretches [][]vg.Point
	whole := false
	for _, point := range l.points {
		if point.gap {
			whole = false
			continue
		}
		at := vg.Point{X: v.toX(point.x) + l.shift, Y: v.toY(point.y.value)}
		if !whole {
			stretches = append(stretches, nil)
		}
		whole = true
		last := len(stretches) - 1
		stretches[last] = append(stretches[last], at)

		if point.y.lo < point.y.hi {
			low, high := v.toY(max(point.y.lo, v.panel.y.low)), v.toY(min(point.y.hi, v.panel.y.high))
			half := vg.Points(1.6)
			v.StrokeLine2(interval, at.X, low, at.X, high)
			v.StrokeLine2(interval, at.X-half, low, at.X+half, low)
			v.StrokeLine2(interval, at.X-half, high, at.X+half, high)
		}
	}
	v.StrokeLines(l.look.line(), stretches...)
	for _, stretch := range stretches {
		for _, at := range stretch {
			v.DrawGlyphNoClip(l.look.glyph(), at)
		}
	}
}

// spread shifts the series of a panel apart, evenly about their true place.
func spread(curves []*curve) {
	step := min(vg.Points(1.5), vg.Points(6)/vg.Length(max(len(curves), 1)))
	for i, c := range curves {
		c.shift = (vg.Length(i) - vg.Length(len(curves)-1)/2) * step
	}
}
