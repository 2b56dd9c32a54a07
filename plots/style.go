package plots

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var (
	black     = color.Black
	white     = color.White
	lightGrey = color.Gray{225}
)

// A style is how a series looks.
type style struct {
	line  draw.LineStyle
	glyph draw.GlyphStyle
}

// styleOf is a thin line with one of the shapes, at the usual size.
func styleOf(c color.Color, shape int) style {
	return style{draw.LineStyle{Color: c, Width: 1.1}, draw.GlyphStyle{Color: c, Radius: 2.2, Shape: shapes[shape%len(shapes)]}}
}

// entry explains the look in a legend.
func (s style) entry(label string) entry {
	return entry{label, []plot.Thumbnailer{&plotter.Line{LineStyle: s.line}, &plotter.Scatter{GlyphStyle: s.glyph}}}
}

// shapes and shades are of coprime number: the variants of a family differ. The outline of a
// shape is outlined places behind it.
var shapes = []draw.GlyphDrawer{
	draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, round, square, pointed, draw.CrossGlyph{}, draw.PlusGlyph{},
}

const outlined = 3

var (
	round   = onWhite{draw.CircleGlyph{}, draw.RingGlyph{}}
	square  = onWhite{draw.BoxGlyph{}, draw.SquareGlyph{}}
	pointed = onWhite{draw.PyramidGlyph{}, draw.TriangleGlyph{}}
)

// onWhite is an outline that hides what lies below it.
type onWhite struct{ shape, outline draw.GlyphDrawer }

func (o onWhite) DrawGlyph(c *draw.Canvas, look draw.GlyphStyle, at vg.Point) {
	c.SetColor(white)
	o.shape.DrawGlyph(c, look, at)
	o.outline.DrawGlyph(c, look, at)
}

var engineDashes = [][]vg.Length{nil, {4, 2}, {1.5, 1.5}, {5, 1.5, 1.5, 1.5}, {7, 2.5}}

// styles gives each series its look. Series that differ in nothing but their engine or
// placement look the same but for dashes and outlines, which tell the engines where dashed
// is set.
func styles(all []series, dashed bool) map[series]style {
	looks := make(map[series]style, len(all))
	for _, s := range all {
		family := where(all, func(other series) bool { return other.family == s.family })
		variant := slices.Index(distinct(family, series.variant), s.variant())
		look := styleOf(shade(s.color, variant), variant)
		switch {
		case s.limit:
			look.line.Dashes, look.line.Width = limitLine.Dashes, limitLine.Width
		case dashed && s.engine != "":
			engine := slices.Index(engines(all), s.engine)
			look = styleOf(look.line.Color, variant+engine%2*outlined)
			look.line.Dashes = engineDashes[engine%len(engineDashes)]
		}
		looks[s] = look
	}
	return looks
}

// Sizes of text in points: what stays readable in print.
const (
	titleSize = 8
	tickSize  = 7
	noteSize  = 6
)

// typeface is the font of all text, at a size in points.
func typeface(size vg.Length) font.Font {
	return font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
}

func letters(size vg.Length, x text.XAlignment, y text.YAlignment) text.Style {
	return text.Style{Color: black, Font: typeface(size), XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler}
}

// diamond is a marker that gonum does not have.
type diamond struct{ filled bool }

func (d diamond) DrawGlyph(c *draw.Canvas, look draw.GlyphStyle, at vg.Point) {
	r := look.Radius * 1.25
	var path vg.Path
	path.Move(vg.Point{X: at.X, Y: at.Y + r})
	path.Line(vg.Point{X: at.X + r, Y: at.Y})
	path.Line(vg.Point{X: at.X, Y: at.Y - r})
	path.Line(vg.Point{X: at.X - r, Y: at.Y})
	path.Close()
	if d.filled {
		c.SetColor(look.Color)
		c.Fill(path)
		return
	}
	c.SetLineStyle(draw.LineStyle{Color: look.Color, Width: 0.5})
	c.Stroke(path)
}
