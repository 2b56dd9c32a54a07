package plots

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A legend explains the marks of a figure. It lies below the panels, in columns, so it
// never covers data.
type legend struct {
	iconWidth vg.Length
	entries   []entry
}

type entry struct {
	label string
	icon  []plot.Thumbnailer
}

func lineEntry(label string, line draw.LineStyle) entry {
	return entry{label, []plot.Thumbnailer{&plotter.Line{LineStyle: line}}}
}

func barEntry(label string, fill color.Color) entry {
	return entry{label, []plot.Thumbnailer{&plotter.BarChart{Color: fill}}}
}

func markEntry(label string, marks ...draw.GlyphStyle) entry {
	e := entry{label: label}
	for _, look := range marks {
		e.icon = append(e.icon, &plotter.Scatter{GlyphStyle: look})
	}
	return e
}

var legendText = letters(tickSize, draw.XLeft, draw.YBottom)

// tiles divides a width for the entries, and returns how much of it they take.
func (l legend) tiles(width vg.Length) (draw.Tiles, vg.Length) {
	const between = 12
	pitch := vg.Length(between)
	for _, e := range l.entries {
		pitch = max(pitch, l.iconWidth+legendText.Width(" "+e.label)+between)
	}
	columns := max(int((width-4*edge+between)/pitch), 1)
	rows := (len(l.entries) + columns - 1) / columns
	// No column stays empty, and the last is as full as the rows allow.
	columns = (len(l.entries) + rows - 1) / max(rows, 1)
	return draw.Tiles{Cols: columns, Rows: rows, PadX: between}, vg.Length(columns)*pitch - between
}

func (l legend) height(width vg.Length) vg.Length {
	const entryHeight = 9.5
	tiles, _ := l.tiles(width)
	return gap + vg.Length(tiles.Rows)*entryHeight
}

// draw puts the legend at the bottom of a canvas, centred.
func (l legend) draw(c draw.Canvas) {
	size := c.Size()
	tiles, width := l.tiles(size.X)
	c = draw.Crop(c, (size.X-width)/2, -(size.X-width)/2, 0, l.height(size.X)-gap-size.Y)
	for i, e := range l.entries {
		one := plot.NewLegend()
		one.TextStyle, one.ThumbnailWidth, one.Left, one.Top = legendText, l.iconWidth, true, true
		one.Add(e.label, e.icon...)
		one.Draw(tiles.At(c, i/tiles.Rows, i%tiles.Rows))
	}
}
