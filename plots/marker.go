package plots

import (
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// shape is the outline of a marker, as corners on a circle: how many, and the angle of
// the first. No corners is the circle itself.
type shape struct {
	corners int
	first   float64
	size    vg.Length
}

var (
	circle = shape{0, 0, 1}
	shapes = []shape{
		circle,
		{4, math.Pi / 4, 1.25},
		{3, math.Pi / 2, 1.4},
		{4, 0, 1.4},
		{3, -math.Pi / 2, 1.4},
		{6, 0, 1.15},
		{5, math.Pi / 2, 1.25},
	}
)

// marker draws a shape, filled with the series' colour or with white.
type marker struct {
	shape  shape
	hollow bool
}

var _ draw.GlyphDrawer = marker{}

func (m marker) DrawGlyph(canvas *draw.Canvas, look draw.GlyphStyle, at vg.Point) {
	radius := look.Radius * m.shape.size
	var path vg.Path
	if m.shape.corners == 0 {
		path.Move(vg.Point{X: at.X + radius, Y: at.Y})
		path.Arc(at, radius, 0, 2*math.Pi)
	}
	for corner := range m.shape.corners {
		angle := m.shape.first + 2*math.Pi*float64(corner)/float64(m.shape.corners)
		point := vg.Point{X: at.X + radius*vg.Length(math.Cos(angle)), Y: at.Y + radius*vg.Length(math.Sin(angle))}
		if corner == 0 {
			path.Move(point)
		} else {
			path.Line(point)
		}
	}
	path.Close()
	if m.hollow {
		canvas.SetColor(white)
	} else {
		canvas.SetColor(look.Color)
	}
	canvas.Fill(path)
	canvas.SetLineStyle(draw.LineStyle{Color: look.Color, Width: vg.Points(0.7)})
	canvas.Stroke(path)
}
