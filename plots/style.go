package plots

import (
	"image/color"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Okabe and Ito's colours.
var (
	black         = color.NRGBA{0, 0, 0, 255}
	orange        = color.NRGBA{230, 159, 0, 255}
	skyBlue       = color.NRGBA{86, 180, 233, 255}
	bluishGreen   = color.NRGBA{0, 158, 115, 255}
	blue          = color.NRGBA{0, 114, 178, 255}
	vermillion    = color.NRGBA{213, 94, 0, 255}
	reddishPurple = color.NRGBA{204, 121, 167, 255}

	grey      = color.NRGBA{90, 90, 90, 255}
	lightGrey = color.NRGBA{225, 225, 225, 255}
	white     = color.NRGBA{255, 255, 255, 255}
)

var familyColors = map[string]color.NRGBA{
	"user": blue, "kernel": bluishGreen, "network": reddishPurple, "http": vermillion,
	"redis": orange, "auto": skyBlue, "limit": grey,
}

// A style is how a series looks.
type style struct {
	color  color.NRGBA
	shape  shape
	hollow bool
	width  vg.Length
	dashes []vg.Length
}

// styles gives each series its look. Series that differ in nothing but their engine or
// placement look the same but for the dashes, which tell the engines where dashed is set.
func styles(all []series, dashed bool) map[series]style {
	variants := make(map[string][]string)
	var engines []string
	looks := make(map[series]style, len(all))
	for _, s := range all {
		variant := position(variants[s.family()], s.variant())
		if variant == len(variants[s.family()]) {
			variants[s.family()] = append(variants[s.family()], s.variant())
		}
		look := style{color: shade(familyColors[s.family()], variant), shape: shapes[variant%len(shapes)], width: vg.Points(1.1)}
		switch {
		case s.family() == "limit":
			look.dashes, look.width = points(1, 1.6), vg.Points(1)
		case dashed && !s.native():
			engine := position(engines, s.engine)
			if engine == len(engines) {
				engines = append(engines, s.engine)
			}
			look.dashes, look.hollow = engineDashes[engine%len(engineDashes)], engine%2 == 1
		}
		looks[s] = look
	}
	return looks
}

func position(list []string, item string) int {
	for i := range list {
		if list[i] == item {
			return i
		}
	}
	return len(list)
}

var engineDashes = [][]vg.Length{nil, points(4, 2), points(1.5, 1.5), points(5, 1.5, 1.5, 1.5), points(7, 2.5)}

func points(lengths ...float64) []vg.Length {
	dashes := make([]vg.Length, len(lengths))
	for i, length := range lengths {
		dashes[i] = vg.Points(length)
	}
	return dashes
}

// shade varies a family's colour: as it is, darker, lighter, and so on.
func shade(base color.NRGBA, variant int) color.NRGBA {
	if base == (color.NRGBA{}) {
		base = black
	}
	mix := func(to uint8, share float64) color.NRGBA {
		channel := func(from uint8) uint8 { return uint8(float64(from)*(1-share) + float64(to)*share) }
		return color.NRGBA{channel(base.R), channel(base.G), channel(base.B), 255}
	}
	switch variant % 3 {
	case 1:
		return mix(0, 0.42)
	case 2:
		return mix(255, 0.42)
	}
	return base
}

func (s style) line() draw.LineStyle {
	return draw.LineStyle{Color: s.color, Width: s.width, Dashes: s.dashes}
}

func (s style) glyph() draw.GlyphStyle {
	return draw.GlyphStyle{Color: s.color, Radius: vg.Points(1.9), Shape: marker{s.shape, s.hollow}}
}

// letters is the style of all text, at a size in points.
func letters(size float64, x text.XAlignment, y text.YAlignment) text.Style {
	return text.Style{
		Color:   black,
		Font:    font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, font.Length(size)),
		XAlign:  x,
		YAlign:  y,
		Handler: text.Plain{Fonts: font.DefaultCache},
	}
}

// Sizes of text in points: what stays readable in print.
const (
	titleSize = 8
	labelSize = 8
	tickSize  = 7
	noteSize  = 6
)
