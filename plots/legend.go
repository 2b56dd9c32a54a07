package plots

import (
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A legend explains the marks of a figure. It lies below the panels, in columns, so it
// never covers data.
type legend struct{ entries []legendEntry }

type legendEntry struct {
	label string
	// sample draws into a canvas of the size of one sample.
	sample func(draw.Canvas)
}

const (
	sampleWidth  = 18
	sampleGap    = 4
	entryGap     = 10
	entryHeight  = 9.5
	legendMargin = 5
)

func lineEntry(label string, look style) legendEntry {
	return legendEntry{label, func(c draw.Canvas) {
		middle := c.Center()
		c.StrokeLine2(look.line(), c.Min.X, middle.Y, c.Max.X, middle.Y)
		c.DrawGlyphNoClip(look.glyph(), middle)
	}}
}

func uprightEntry(label string, line draw.LineStyle) legendEntry {
	return legendEntry{label, func(c draw.Canvas) {
		c.StrokeLine2(line, c.Max.X-vg.Points(3), c.Min.Y+vg.Points(1), c.Max.X-vg.Points(3), c.Max.Y-vg.Points(1))
	}}
}

func boxEntry(label string, fill style) legendEntry {
	return legendEntry{label, func(c draw.Canvas) {
		side, middle := vg.Points(6), c.Center()
		c.FillPolygon(fill.color, rectangle(c.Max.X-side, middle.Y-side/2, c.Max.X, middle.Y+side/2))
	}}
}

func markEntry(label string, look style) legendEntry {
	return legendEntry{label, func(c draw.Canvas) {
		c.DrawGlyphNoClip(look.glyph(), vg.Point{X: c.Max.X - vg.Points(3), Y: c.Center().Y})
	}}
}

func rectangle(left, bottom, right, top vg.Length) []vg.Point {
	return []vg.Point{{X: left, Y: bottom}, {X: right, Y: bottom}, {X: right, Y: top}, {X: left, Y: top}}
}

// grid is how many columns and rows the legend takes in a width.
func (l legend) grid(width vg.Length) (columns, rows int, pitch vg.Length) {
	for _, entry := range l.entries {
		pitch = max(pitch, vg.Points(sampleWidth+sampleGap+entryGap)+l.text().Width(entry.label))
	}
	columns = min(max(int((width+vg.Points(entryGap-4*edge))/pitch), 1), len(l.entries))
	rows = (len(l.entries) + columns - 1) / columns
	// No column stays empty, and the last is as full as the rows allow.
	columns = (len(l.entries) + rows - 1) / rows
	return columns, rows, pitch
}

// height is what the legend takes below the panels.
func (l legend) height(width vg.Length) vg.Length {
	if len(l.entries) == 0 {
		return 0
	}
	_, rows, _ := l.grid(width)
	return vg.Points(legendMargin) + vg.Length(rows)*vg.Points(entryHeight)
}

// draw puts the legend at the bottom of a canvas, centred.
func (l legend) draw(c draw.Canvas) {
	if len(l.entries) == 0 {
		return
	}
	width := c.Max.X - c.Min.X
	columns, rows, pitch := l.grid(width)
	left := c.Min.X + (width-vg.Length(columns)*pitch+vg.Points(entryGap))/2
	for i, entry := range l.entries {
		column, row := i/rows, i%rows
		x := left + vg.Length(column)*pitch
		y := c.Min.Y + vg.Length(rows-row)*vg.Points(entryHeight) - vg.Points(entryHeight/2)
		sample := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: x, Y: y - vg.Points(entryHeight/2)},
			Max: vg.Point{X: x + vg.Points(sampleWidth), Y: y + vg.Points(entryHeight/2)},
		}}
		entry.sample(sample)
		write(c, l.text(), sample.Max.X+vg.Points(sampleGap), y, entry.label)
	}
}

func (legend) text() text.Style { return letters(tickSize, draw.XLeft, draw.YCenter) }
