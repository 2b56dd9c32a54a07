package plots

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A scale maps the values of an axis to a panel.
type scale struct {
	bound
	logarithmic bool
	// ticks are the marks; those without a label are short.
	ticks []plot.Tick
}

// at is a value's place on the axis, from 0 to 1.
func (s scale) at(value float64) float64 {
	if s.logarithmic {
		return math.Log(value/s.low) / math.Log(s.high/s.low)
	}
	return (value - s.low) / (s.high - s.low)
}

// A panel is one coordinate system of a figure.
type panel struct {
	title string
	x, y  scale
	// acrossX and acrossY draw lines across the panel at the labelled ticks of an axis.
	acrossX, acrossY bool
	// named says that the labels of the vertical axis are names, not values at marks.
	named  bool
	layers []func(view)
}

// A view is the canvas of a panel's data, and its scales.
type view struct {
	draw.Canvas
	panel *panel
}

func (v view) toX(value float64) vg.Length { return v.X(v.panel.x.at(value)) }
func (v view) toY(value float64) vg.Length { return v.Y(v.panel.y.at(value)) }

// A sheet arranges panels of one size in rows and columns, with the titles of the axes
// that they share and a legend below. A missing panel is nil.
type sheet struct {
	panels         [][]*panel
	xTitle, yTitle string
	legend         legend
	width          vg.Length
	// panelHeight is the height of a panel's data.
	panelHeight vg.Length
	// ownX says that every panel needs its own labels on the horizontal axis.
	ownX bool
}

// Distances in points.
const (
	edge       = 2
	tickLength = 3
	minorTick  = 1.8
	tickGap    = 2
	titleGap   = 4
	columnGap  = 9
	rowGap     = 7
)

var (
	panelTitle  = letters(titleSize, draw.XCenter, draw.YBottom)
	axisTitle   = letters(labelSize, draw.XCenter, draw.YBottom)
	xTickLabels = letters(tickSize, draw.XCenter, draw.YTop)
	yTickLabels = letters(tickSize, draw.XRight, draw.YCenter)
)

func (s *sheet) left() vg.Length {
	widest := vg.Length(0)
	for _, row := range s.panels {
		for _, tick := range row[0].y.ticks {
			widest = max(widest, yTickLabels.Width(tick.Label))
		}
	}
	left := vg.Points(edge+tickLength+tickGap) + widest
	if s.yTitle != "" {
		left += axisTitle.Height(s.yTitle) + vg.Points(titleGap)
	}
	return left
}

// overhang is how far the labels of the horizontal axes reach beyond their panels.
func (s *sheet) overhang(dataWidth vg.Length) (left, right vg.Length) {
	for _, row := range s.panels {
		for _, p := range row {
			if p == nil {
				continue
			}
			for _, tick := range p.x.ticks {
				at, half := dataWidth*vg.Length(p.x.at(tick.Value)), xTickLabels.Width(tick.Label)/2
				left, right = max(left, half-at), max(right, at+half-dataWidth)
			}
		}
	}
	return left, right
}

func (s *sheet) top() vg.Length { return vg.Points(edge) + s.titleHeight() }

func (s *sheet) titleHeight() vg.Length {
	for _, row := range s.panels {
		for _, p := range row {
			if p != nil && p.title != "" {
				return panelTitle.Height(p.title) + vg.Points(titleGap)
			}
		}
	}
	return 0
}

func (s *sheet) xLabelHeight() vg.Length {
	return vg.Points(tickLength+tickGap) + xTickLabels.Height("0")
}

func (s *sheet) bottom() vg.Length {
	bottom := s.xLabelHeight() + s.legend.height(s.width) + vg.Points(edge)
	if s.xTitle != "" {
		bottom += axisTitle.Height(s.xTitle) + vg.Points(tickGap)
	}
	return bottom
}

// between is the distance between two rows of panels.
func (s *sheet) between() vg.Length {
	gap := vg.Points(rowGap) + s.titleHeight()
	if s.ownX {
		gap += s.xLabelHeight()
	}
	return gap
}

func (s *sheet) height() vg.Length {
	rows := vg.Length(len(s.panels))
	return s.top() + rows*s.panelHeight + (rows-1)*s.between() + s.bottom()
}

func (s *sheet) paint(c draw.Canvas) {
	c.SetColor(white)
	c.Fill(c.Rectangle.Path())
	columns := vg.Length(len(s.panels[0]))
	left, right, gap := s.left(), vg.Points(edge), vg.Points(columnGap)
	widthOf := func() vg.Length { return (c.Max.X - c.Min.X - left - right - (columns-1)*gap) / columns }
	before, behind := s.overhang(widthOf())
	right += behind
	gap = max(gap, before+behind+vg.Points(columnGap))
	dataWidth := widthOf()
	var data vg.Rectangle
	for i, row := range s.panels {
		top := c.Max.Y - s.top() - vg.Length(i)*(s.panelHeight+s.between())
		for j, p := range row {
			if p == nil {
				continue
			}
			x := c.Min.X + left + vg.Length(j)*(dataWidth+gap)
			at := vg.Rectangle{Min: vg.Point{X: x, Y: top - s.panelHeight}, Max: vg.Point{X: x + dataWidth, Y: top}}
			if data == (vg.Rectangle{}) {
				data = at
			}
			data.Min.Y, data.Max.X = min(data.Min.Y, at.Min.Y), max(data.Max.X, at.Max.X)
			below := i+1 < len(s.panels) && s.panels[i+1][j] != nil
			p.draw(view{draw.Canvas{Canvas: c.Canvas, Rectangle: at}, p}, s.ownX || !below, j == 0)
		}
	}
	s.drawTitles(c, data)
	s.legend.draw(draw.Crop(c, 0, 0, vg.Points(edge), 0))
}

func (s *sheet) drawTitles(c draw.Canvas, data vg.Rectangle) {
	middle := vg.Point{X: (data.Min.X + data.Max.X) / 2, Y: (data.Min.Y + data.Max.Y) / 2}
	if s.xTitle != "" {
		style := axisTitle
		style.YAlign = draw.YTop
		// Below narrow data a long title moves to stay on the page.
		half := style.Width(s.xTitle)/2 + vg.Points(edge)
		x := max(min(middle.X, c.Max.X-half), c.Min.X+half)
		c.FillText(style, vg.Point{X: x, Y: data.Min.Y - s.xLabelHeight() - vg.Points(tickGap)}, s.xTitle)
	}
	if s.yTitle != "" {
		style := axisTitle
		style.Rotation, style.YAlign = math.Pi/2, draw.YTop
		c.FillText(style, vg.Point{X: c.Min.X + vg.Points(edge), Y: middle.Y}, s.yTitle)
	}
}

func (p *panel) draw(v view, xLabels, yLabels bool) {
	line := draw.LineStyle{Color: lightGrey, Width: vg.Points(0.4)}
	for _, tick := range p.x.ticks {
		if p.acrossX && !tick.IsMinor() {
			v.StrokeLine2(line, v.toX(tick.Value), v.Min.Y, v.toX(tick.Value), v.Max.Y)
		}
	}
	for _, tick := range p.y.ticks {
		if p.acrossY && !tick.IsMinor() {
			v.StrokeLine2(line, v.Min.X, v.toY(tick.Value), v.Max.X, v.toY(tick.Value))
		}
	}
	for _, layer := range p.layers {
		layer(v)
	}
	border := rectangle(v.Min.X, v.Min.Y, v.Max.X, v.Max.Y)
	v.StrokeLines(draw.LineStyle{Color: black, Width: vg.Points(0.5)}, append(border, border[0]))
	p.drawTicks(v, xLabels, yLabels)
	if p.title != "" {
		v.FillText(panelTitle, vg.Point{X: v.Center().X, Y: v.Max.Y + vg.Points(titleGap-1)}, p.title)
	}
}

func (p *panel) drawTicks(v view, xLabels, yLabels bool) {
	line := draw.LineStyle{Color: black, Width: vg.Points(0.4)}
	length := func(tick plot.Tick) vg.Length {
		if tick.IsMinor() {
			return vg.Points(minorTick)
		}
		return vg.Points(tickLength)
	}
	for _, tick := range p.x.ticks {
		x := v.toX(tick.Value)
		v.StrokeLine2(line, x, v.Min.Y, x, v.Min.Y-length(tick))
		if xLabels && tick.Label != "" {
			v.FillText(xTickLabels, vg.Point{X: x, Y: v.Min.Y - vg.Points(tickLength+tickGap)}, tick.Label)
		}
	}
	for _, tick := range p.y.ticks {
		y := v.toY(tick.Value)
		if !p.named {
			v.StrokeLine2(line, v.Min.X, y, v.Min.X-length(tick), y)
		}
		if yLabels && tick.Label != "" {
			write(v.Canvas, yTickLabels, v.Min.X-vg.Points(tickLength+tickGap), y, tick.Label)
		}
	}
}

// write puts a line of text with the middle of its small letters at y. Centring the whole
// line, its descenders included, would look too low.
func write(c draw.Canvas, style text.Style, x, y vg.Length, words string) {
	c.FillText(style, vg.Point{X: x, Y: y + style.Font.Size*0.09}, words)
}

// A bound is the range of an axis.
type bound struct{ low, high float64 }

func nothing() bound { return bound{math.Inf(1), math.Inf(-1)} }

// include widens a bound to positive values; others have no place on a logarithmic axis.
func (b *bound) include(values ...float64) {
	for _, value := range values {
		if positive(value) {
			b.low, b.high = math.Min(b.low, value), math.Max(b.high, value)
		}
	}
}

// margins widens a bound by a share of its ratio on each side, and at least to a ratio of
// five, so that a 1, 2 or 5 lies within.
func (b bound) margins(share float64) bound {
	if b.low > b.high {
		return bound{1, 10}
	}
	ratio := b.high / b.low
	factor := max(math.Pow(ratio, share), math.Sqrt(5/ratio))
	return bound{b.low / factor, b.high * factor}
}

func positive(value float64) bool { return value > 0 && !math.IsInf(value, 0) }
