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

	"rrbench/results"
)

var (
	black     = color.Black
	white     = color.White
	lightGrey = color.Gray{225}
)

type style struct {
	line  draw.LineStyle
	glyph draw.GlyphStyle
}

// styleOf is a thin line with one of the shapes, at the usual size.
func styleOf(c color.Color, shape int) style {
	return style{draw.LineStyle{Color: c, Width: 1.1}, draw.GlyphStyle{Color: c, Radius: 2.2, Shape: shapes[shape%len(shapes)]}}
}

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
// placement look the same but for dashes and outlines, which differ between engines where dashed
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

// A kind is what figures need to know of a transport.
type kind struct {
	family string
	// place of the family in legends and rows, and of the transport among its family.
	place, within int
	color         color.NRGBA
	// limit marks what is no transport but what the machine reaches without functions.
	limit bool
}

// Okabe and Ito's colours.
var (
	orange        = color.NRGBA{230, 159, 0, 255}
	skyBlue       = color.NRGBA{86, 180, 233, 255}
	bluishGreen   = color.NRGBA{0, 158, 115, 255}
	blue          = color.NRGBA{0, 114, 178, 255}
	vermillion    = color.NRGBA{213, 94, 0, 255}
	reddishPurple = color.NRGBA{204, 121, 167, 255}
	grey          = color.NRGBA{90, 90, 90, 255}
)

// families are those of transports, in the order of legends.
var families = []struct {
	name  string
	color color.NRGBA
}{{"user", blue}, {"kernel", bluishGreen}, {"network", reddishPurple}, {"auto", skyBlue}, {"http", vermillion}, {"redis", orange}, {results.LimitFamily, grey}}

func kindOf(info results.TransportInfo) kind {
	k := kind{family: info.Family, place: len(families), within: info.Place, color: color.NRGBA{A: 255}, limit: info.Family == results.LimitFamily}
	for place, known := range families {
		if known.name == info.Family {
			k.place, k.color = place, known.color
		}
	}
	return k
}

// shade varies a colour: as it is, darker, lighter, and so on.
func shade(base color.NRGBA, variant int) color.NRGBA {
	mix := func(to, share float64) color.NRGBA {
		channel := func(from uint8) uint8 { return uint8(float64(from)*(1-share) + to*share) }
		return color.NRGBA{channel(base.R), channel(base.G), channel(base.B), 255}
	}
	return []color.NRGBA{base, mix(0, 0.42), mix(255, 0.42)}[variant%3]
}
