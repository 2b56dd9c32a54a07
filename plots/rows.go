package plots

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A rowFigure has a row for each series and a panel for each of a few payload sizes.
type rowFigure struct {
	cells []*cell
	// why tells why a cell is not drawn, or nothing.
	why func(*cell) string
	// panel chooses a panel's horizontal axis for the cells in it, and what draws a cell's
	// row.
	panel   func([]*cell) (scale, rowPainter)
	title   string
	legend  legend
	columns []csvColumn
}

// A rowPainter draws a cell's row; middle is the row's height on the canvas, thickness the
// room it has.
type rowPainter func(v view, c *cell, middle, thickness vg.Length)

const rowHeight = 9.5

func (f *rowFigure) compose() (*drawing, error) {
	var shown []*cell
	for _, c := range f.cells {
		if f.why(c) == "" {
			shown = append(shown, c)
		}
	}
	if len(shown) == 0 {
		return nil, errNoData("no cell has the numbers")
	}
	chosen := representative(sizes(shown), 3)
	all := ordered(shown)
	panels := make([]*panel, len(chosen))
	for i, size := range chosen {
		panels[i] = f.panelOf(size, shown, all)
	}
	s := &sheet{panels: [][]*panel{panels}, xTitle: f.title, legend: f.legend, width: pageWidth, panelHeight: vg.Length(len(all)) * vg.Points(rowHeight)}
	if len(chosen) == 1 {
		s.width = columnWidth
	}
	table := tableOf(f.cells, f.columns, func(c *cell) string { return f.whyOfTable(c, chosen) })
	return &drawing{width: s.width, height: s.height(), paint: s.paint, table: table}, nil
}

func (f *rowFigure) whyOfTable(c *cell, chosen []int64) string {
	if why := f.why(c); why != "" {
		return why
	}
	for _, s := range chosen {
		if c.SizeBytes == s {
			return ""
		}
	}
	return "another size"
}

func (f *rowFigure) panelOf(size int64, shown []*cell, all []series) *panel {
	var cells []*cell
	for _, c := range shown {
		if c.SizeBytes == size {
			cells = append(cells, c)
		}
	}
	x, paint := f.panel(cells)
	p := &panel{title: sizeLabel(float64(size)), x: x, acrossX: true, named: true}
	p.y.bound = bound{-0.5, float64(len(all)) - 0.5}
	for i, name := range rowNames(all) {
		p.y.ticks = append(p.y.ticks, plot.Tick{Value: float64(len(all) - 1 - i), Label: name})
	}
	p.layers = append(p.layers, func(v view) { drawRows(v, cells, all, paint) })
	return p
}

// rowNames names each series by what tells it from the others.
func rowNames(all []series) []string {
	severalPlacements := false
	for _, s := range all {
		severalPlacements = severalPlacements || s.placement != all[0].placement
	}
	names := make([]string, len(all))
	for i, s := range all {
		parts := []string{s.variant()}
		if !s.native() {
			parts = append(parts, s.engine)
		}
		if severalPlacements {
			parts = append(parts, placementName(s.placement))
		}
		names[i] = join(parts)
	}
	return names
}

// drawRows draws the rows of a panel, and lines between families.
func drawRows(v view, cells []*cell, all []series, paint rowPainter) {
	thickness := vg.Points(rowHeight * 0.7)
	for i, s := range all {
		y := float64(len(all) - 1 - i)
		if i > 0 && s.family() != all[i-1].family() {
			v.StrokeLine2(draw.LineStyle{Color: grey, Width: vg.Points(0.3)}, v.Min.X, v.toY(y+0.5), v.Max.X, v.toY(y+0.5))
		}
		for _, c := range cells {
			if c.series() == s {
				paint(v, c, v.toY(y), thickness)
			}
		}
	}
}

// note writes a small text at the right of a bar.
func note(v view, x, y vg.Length, words string) {
	write(v.Canvas, letters(noteSize, text.XLeft, text.YCenter), x+vg.Points(2), y, words)
}

func bar(v view, from, to float64, middle, thickness vg.Length, fill style) {
	v.FillPolygon(fill.color, rectangle(v.toX(from), middle-thickness/2, v.toX(to), middle+thickness/2))
}

// linear is an axis from zero to the largest value, marked at round numbers of a unit, with
// room for a note behind the longest bar.
func linear(largest, unit float64, label func(float64) string) scale {
	power := unit * math.Pow10(int(math.Floor(math.Log10(largest/unit))))
	step := 5 * power
	for _, digit := range []float64{0.5, 1, 2, 2.5} {
		if largest/(digit*power) <= 3.2 {
			step = digit * power
			break
		}
	}
	ticks := []plot.Tick{{Value: 0, Label: "0"}}
	for value := step; value <= largest*1.001; value += step {
		ticks = append(ticks, plot.Tick{Value: value, Label: label(value)})
	}
	const noteShare = 0.27
	return scale{bound: bound{0, largest / (1 - noteShare)}, ticks: ticks}
}

// logarithmic is an axis over the values that occur. Its labels are sparse, because it is
// short.
func logarithmic(values bound, ticks func(low, high float64) []plot.Tick) scale {
	axis := scale{bound: values.margins(0.07), logarithmic: true}
	axis.ticks = thin(ticks(axis.low, axis.high), axis, 0.2)
	return axis
}
