package plots

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"image/png"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
	"gonum.org/v1/plot/vg/vgimg"
)

// A sheet is a figure ready to be drawn: panels of one size in rows and columns, with the
// titles of the axes that they share and a legend below. A missing panel is nil.
type sheet struct {
	panels         [][]*plot.Plot
	xTitle, yTitle string
	legend         legend
	width          vg.Length
	// panelHeight is about the height of a panel's data, titleLines how many the titles above it have.
	panelHeight vg.Length
	titleLines  int
	// apart is set where panels side by side have vertical axes of their own.
	apart bool
	// caption stands below the legend, in as many lines as it takes; note is a line at the bottom.
	// Both may be empty.
	caption, note string
	// table is the CSV behind the figure, its header first.
	table [][]string
}

// The widths of a column and of a page of a two-column paper.
const (
	columnWidth = 3.5 * vg.Inch
	pageWidth   = 7.1 * vg.Inch
)

// Distances in points.
const (
	edge      vg.Length = 2
	gap       vg.Length = 4
	columnGap vg.Length = 10
	rowGap    vg.Length = 7
	// underPanel is what the labels of a panel's horizontal axis take, with the gap above its title.
	underPanel vg.Length = 13
)

// resolution of a PNG, in dots an inch: what printers ask for line art is not less.
const resolution = 300

var extensions = []string{".png", ".svg", ".pdf", ".csv"}

// encode draws the sheet once, and returns it in every format, in the order of extensions.
func (s *sheet) encode() (contents [][]byte, err error) {
	drawn, err := s.record()
	if err != nil {
		return nil, err
	}
	for i, encode := range []func(*bytes.Buffer) error{drawn.png, drawn.svg, drawn.pdf, func(content *bytes.Buffer) error { return csv.NewWriter(content).WriteAll(s.table) }} {
		var content bytes.Buffer
		if err := encode(&content); err != nil {
			return nil, fmt.Errorf("%s: %w", extensions[i], err)
		}
		contents = append(contents, content.Bytes())
	}
	return contents, nil
}

func (r *recording) png(content *bytes.Buffer) error {
	pixels := vgimg.NewWith(vgimg.UseWH(r.width, r.height), vgimg.UseDPI(resolution))
	if err := r.ReplayOn(pixels); err != nil {
		return err
	}
	// What little a slower compression would save takes as long as all the drawing.
	return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(content, pixels.Image())
}

// tallest is the height of a PDF's largest page, in points.
const tallest = 14400

// record draws the sheet without any format. A rasteriser would go on for ever with a place
// that is no number or far off, and is never given one.
func (s *sheet) record() (*recording, error) {
	if s.height() > tallest {
		return nil, errNoData("taller than a page can be")
	}
	drawn := &recording{width: s.width, height: s.height()}
	s.draw(draw.NewCanvas(drawn, s.width, s.height()))
	reach := max(s.width, s.height())
	for _, action := range drawn.Actions {
		var places []vg.Point
		switch a := action.(type) {
		case *recorder.FillString:
			places = append(places, a.Point)
		case *recorder.Stroke:
			places = pointsOf(a.Path)
		case *recorder.Fill:
			places = pointsOf(a.Path)
		}
		for _, at := range places {
			if !(max(at.X, -at.X, at.Y, -at.Y) <= 2*reach) {
				return nil, fmt.Errorf("its labels or numbers do not fit: something would be drawn at %v, %v of %v x %v", at.X, at.Y, s.width, s.height())
			}
		}
	}
	return drawn, nil
}

func pointsOf(path vg.Path) (points []vg.Point) {
	for _, piece := range path {
		points = append(points, piece.Pos, vg.Point{X: piece.Radius})
	}
	return points
}

var (
	axisTitle = letters(titleSize, draw.XCenter, draw.YTop)
	noteText  = letters(noteSize, draw.XCenter, draw.YBottom)
)

// notes are the caption, broken into lines that fit, and the note.
func (s *sheet) notes() string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s.caption) {
		switch longer := strings.TrimSpace(line + " " + word); {
		case line != "" && noteText.Width(longer) > s.width-4*edge:
			lines, line = append(lines, line), word
		default:
			line = longer
		}
	}
	return strings.Join(where(append(lines, line, s.note), func(l string) bool { return l != "" }), "\n")
}

func (s *sheet) noteHeight() vg.Length {
	if notes := s.notes(); notes != "" {
		return noteText.Height(notes) + edge
	}
	return 0
}

func (s *sheet) below() vg.Length {
	return edge + s.noteHeight() + s.legend.height(s.width) + axisTitle.Height(s.xTitle) + gap
}

func (s *sheet) height() vg.Length {
	rows := vg.Length(len(s.panels))
	return edge + rows*(s.panelHeight+s.around()) + (rows-1)*rowGap + s.below()
}

// around is what a panel's title and the labels of its horizontal axis take.
func (s *sheet) around() vg.Length { return underPanel + 10*vg.Length(max(s.titleLines, 1)) }

func (s *sheet) draw(c draw.Canvas) {
	c.SetColor(white)
	c.Fill(c.Rectangle.Path())
	s.shareAxes()
	left, rows, columns := edge, len(s.panels), len(s.panels[0])
	if s.yTitle != "" {
		left += axisTitle.Height(s.yTitle) + gap
	}
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: columnGap, PadY: rowGap}
	canvases := plot.Align(s.panels, tiles, draw.Crop(c, left, -edge, s.below(), -edge))
	for i, row := range s.panels {
		for j, p := range row {
			if p != nil {
				p.Draw(canvases[i][j])
			}
		}
	}
	topRight := s.panels[0][columns-1].DataCanvas(canvases[0][columns-1])
	bottomLeft := s.panels[rows-1][0].DataCanvas(canvases[rows-1][0])
	// Below narrow data a long title moves to stay on the page.
	half := axisTitle.Width(s.xTitle)/2 + edge
	x := max(min((bottomLeft.Min.X+topRight.Max.X)/2, c.Max.X-half), c.Min.X+half)
	c.FillText(axisTitle, vg.Point{X: x, Y: c.Min.Y + s.below() - gap/2}, s.xTitle)
	upright := axisTitle
	upright.Rotation = math.Pi / 2
	c.FillText(upright, vg.Point{X: c.Min.X + edge, Y: (bottomLeft.Min.Y + topRight.Max.Y) / 2}, s.yTitle)
	c.FillText(noteText, vg.Point{X: c.Center().X, Y: c.Min.Y + edge}, s.notes())
	s.legend.draw(draw.Crop(c, 0, 0, edge+s.noteHeight(), 0))
}

// shareAxes takes the labels away from the axes of panels that have another one below or on
// the left.
func (s *sheet) shareAxes() {
	for i, row := range s.panels {
		for j, p := range row {
			if p != nil && j > 0 && !s.apart {
				p.Y.Tick.Label.Font.Size = 0
			}
			if p != nil && i+1 < len(s.panels) && s.panels[i+1][j] != nil {
				p.X.Tick.Label.Font.Size = 0
			}
		}
	}
}

// across are the lines through a panel at the labelled ticks of its axes.
var across = draw.LineStyle{Color: lightGrey, Width: 0.4}

func newPanel(grid plotter.Grid) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Padding, axis.Width = 0, 0
		axis.Tick.Length, axis.Tick.Width = 3, 0.4
		axis.Tick.Label.Font, axis.Label.TextStyle.Font = typeface(tickSize), typeface(tickSize)
	}
	// gonum raises labels by the depth of their descenders, next to rows too far and below
	// an axis onto the ticks.
	p.X.Tick.Label.YAlign -= 0.2
	p.Y.Tick.Label.YAlign -= 0.1
	p.Add(&grid)
	return p
}

// logarithmic makes an axis logarithmic. It holds the values that are positive, with a margin
// of a share of their ratio on each side, and at least a ratio of five, so that a 1, 2 or 5
// lies within.
func logarithmic(axis *plot.Axis, values []float64, share float64, ticks plot.TickerFunc) {
	low, high := math.Inf(1), 0.0
	for _, value := range values {
		if positive(value) {
			low, high = min(low, value), max(high, value)
		}
	}
	margin := max(math.Pow(high/low, share), math.Sqrt(5*low/high))
	axis.Min, axis.Max, axis.Scale, axis.Tick.Marker = low/margin, high*margin, plot.LogScale{}, ticks
}

// positive reports whether a logarithmic axis can hold a value.
func positive(value float64) bool { return value > 1e-40 && value < 1e40 }

// A frame encloses a panel's data, with a title above.
type frame struct{ title string }

var panelTitle = letters(titleSize, draw.XCenter, draw.YBottom)

func (f frame) Plot(c draw.Canvas, _ *plot.Plot) {
	c.SetLineStyle(draw.LineStyle{Color: black, Width: 0.5})
	c.Stroke(c.Rectangle.Path())
	c.FillText(panelTitle, vg.Point{X: c.Center().X, Y: c.Max.Y + gap - 1}, f.title)
}

func (f frame) GlyphBoxes(*plot.Plot) []plot.GlyphBox {
	if f.title == "" {
		return nil
	}
	box := panelTitle.Rectangle(f.title).Add(vg.Point{Y: gap - 1})
	// A title wider than its panel must not push the data aside.
	box.Min.X, box.Max.X = 0, 0
	return []plot.GlyphBox{{X: 0.5, Y: 1, Rectangle: box}}
}
