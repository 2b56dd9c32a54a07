package plots

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"rrbench/results"
)

// A part is one number of a cell in a figure of bars.
type part struct {
	name, column string
	fill         color.Color
	of           func(*cell) float64
}

// length is the number, or 0 where a cell does not have it.
func (p part) length(c *cell) float64 {
	if number := p.of(c); positive(number) {
		return number
	}
	return 0
}

func sum(parts []part, c *cell) float64 {
	total := 0.0
	for _, p := range parts {
		total += p.length(c)
	}
	return total
}

// barFigure has bars of parts; a cell without any of them is not drawn.
func barFigure(cells []*cell, title string, parts ...part) *rowFigure {
	f := &rowFigure{cells: sized(cells), title: title, legend: legend{iconWidth: 6}}
	f.why = func(c *cell) string { return c.lacks(sum(parts, c)) }
	for _, p := range parts {
		f.columns = append(f.columns, csvColumn{p.column, p.of})
		f.legend.entries = append(f.legend.entries, barEntry(p.name, p.fill))
	}
	return f
}

// A piece of a bar has a colour, and is an outline of it where it was not measured.
type piece struct {
	length   float64
	fill     color.Color
	outlined bool
}

func pieces(parts []part, c *cell, scale float64) (all []piece) {
	for _, p := range parts {
		all = append(all, piece{p.length(c) * scale, p.fill, false})
	}
	return all
}

// stack draws pieces in a row, one behind the other, and behind them the words. These take no part in the panel's
// layout: linear leaves room for them. A cell, which may be nil, is what the bar leads to.
func stack(p *plot.Plot, pieces []piece, row float64, words string, c *cell) {
	last := &plotter.BarChart{XMin: row}
	for _, piece := range pieces {
		bar := &plotter.BarChart{Values: plotter.Values{piece.length}, Width: rowHeight * 0.7, Color: piece.fill, Horizontal: true}
		if piece.outlined {
			bar.Color, bar.LineStyle = white, draw.LineStyle{Color: piece.fill, Width: 1}
		}
		bar.StackOn(last)
		p.Add(bar)
		last = bar
	}
	end := last.BarHeight(0)
	p.Add(struct{ plot.Plotter }{&plotter.Labels{XYs: plotter.XYs{{X: end, Y: row}}, Labels: []string{words},
		TextStyle: []text.Style{letters(noteSize, text.XLeft, text.YCenter)}, Offset: vg.Point{X: 2, Y: 0.6}}})
	if c != nil {
		p.Add(link{end, row, c})
	}
}

// A barRow is a bar in a row of a panel of its own.
type barRow struct {
	name, words string
	pieces      []piece
	cell        *cell
}

// barPanel has rows from the top, on an axis from zero.
func barPanel(title string, rows []barRow, largest, unit float64, label func(float64) string) *plot.Plot {
	p := newPanel(plotter.Grid{Vertical: across})
	var names []string
	for i, row := range rows {
		stack(p, row.pieces, float64(len(rows)-1-i), row.words, row.cell)
		names = append(names, row.name)
	}
	linear(p, largest, unit, label)
	nameRows(p, names)
	p.Add(frame{title})
	return p
}

// linear makes a panel's horizontal axis linear from zero to the largest value, marked at
// round numbers of a unit, with room for words behind the longest bar.
func linear(p *plot.Plot, largest, unit float64, label func(float64) string) {
	const wordsShare = 0.27
	p.X.Min, p.X.Max, p.X.Tick.Marker = 0, largest/(1-wordsShare), rounded(largest, unit, label)
}

// single reports whether a cell has hardly anything beside the largest of its parts.
func single(parts []part, c *cell) bool {
	largest := 0.0
	for _, p := range parts {
		largest = max(largest, p.length(c))
	}
	return largest > 0.98*sum(parts, c)
}

// copied shows what a hand-off copies, and what it passes on without, where an audit has counted it.
func copied(cells []*cell) (*sheet, error) {
	cells = where(cells, func(c *cell) bool { return c.copies != nil })
	if len(cells) == 0 {
		return nil, errNoData("no hand-off was counted; count those of a run, as root, with: rrbench audit DIR")
	}
	parts := []part{
		{"copied in user space", "copied_in_user_space", vermillion, func(c *cell) float64 { return c.copies.User }},
		{"copied by the kernel", "copied_by_kernel", orange, func(c *cell) float64 { return c.copies.Kernel }},
		{"passed by reference", "passed_by_reference", skyBlue, func(c *cell) float64 { return c.copies.ByReference }},
		{"moved as pages", "moved_as_pages", bluishGreen, func(c *cell) float64 { return c.copies.Moved }},
	}
	f := barFigure(cells, "bytes, in payloads; the number is of system calls with data", parts...)
	f.why = func(*cell) string { return "" } // nothing is worth a row, too
	f.columns = append(f.columns, csvColumn{"calls_with_data", func(c *cell) float64 { return c.copies.Calls }})
	f.fill = func(p *plot.Plot, cells []*cell, row func(*cell) float64) {
		largest := 1.0
		for _, c := range cells {
			largest = max(largest, sum(parts, c))
			stack(p, pieces(parts, c, 1), row(c), fmt.Sprintf("%.0f", c.copies.Calls), c)
		}
		linear(p, largest, 1, func(payloads float64) string { return fmt.Sprintf("%g ×", payloads) })
	}
	return f.compose()
}

// breakdown shows where a latency goes: the phases' shares, and the latency as a number,
// because the transports' latencies differ by orders of magnitude.
func breakdown(cells []*cell) (*sheet, error) {
	phases := []part{
		{"serialize", "serialize_median_ns", orange, func(c *cell) float64 { return c.SerializeMedian }},
		{"copy out", "copy_out_median_ns", skyBlue, func(c *cell) float64 { return c.CopyOutMedian }},
		{"transfer", "transfer_median_ns", blue, func(c *cell) float64 { return c.TransferMedian }},
		{"copy in", "copy_in_median_ns", bluishGreen, func(c *cell) float64 { return c.CopyInMedian }},
		{"deserialize", "deserialize_median_ns", vermillion, func(c *cell) float64 { return c.DeserializeMedian }},
	}
	f := barFigure(cells, "share of the latency; the number is the median", phases...)
	// Beside bars of several colours, a bar of one colour adds nothing to its number.
	several := where(f.cells, func(c *cell) bool { return c.lacks(sum(phases, c)) == "" && !single(phases, c) })
	if len(several) > 0 {
		why := f.why
		f.why = func(c *cell) string {
			return cmp.Or(why(c), when(!slices.ContainsFunc(several, func(d *cell) bool { return d.series == c.series }), "one phase alone"))
		}
	}
	f.columns = append(f.columns, csvColumn{"latency_median_ns", func(c *cell) float64 { return c.LatencyMedian }})
	f.fill = func(p *plot.Plot, cells []*cell, row func(*cell) float64) {
		for _, c := range cells {
			stack(p, pieces(phases, c, 1/sum(phases, c)), row(c), results.FormatDuration(c.LatencyMedian), c)
		}
		linear(p, 1, 1, percentLabel)
	}
	s, err := f.compose()
	if err == nil && len(several) > 0 {
		s.caption = "What has hardly more than one phase is left out."
	}
	return s, err
}

// memory shows what a transport holds at its peak. The bar of the resident set goes on behind
// that of the proportional set, which counts shared pages once and is never larger.
func memory(cells []*cell) (*sheet, error) {
	pss := part{"proportional set (PSS): shared pages once", "pss_peak_bytes", bluishGreen, func(c *cell) float64 { return c.PSSPeak }}
	rss := part{"resident set (RSS)", "rss_peak_bytes", shade(bluishGreen, 2), func(c *cell) float64 { return c.RSSPeak }}
	more := part{fill: rss.fill, of: func(c *cell) float64 { return rss.length(c) - pss.length(c) }}
	payloadLine := draw.LineStyle{Color: black, Width: 0.8}
	f := barFigure(cells, "peak memory of all processes; the number is PSS", pss, rss)
	f.legend.entries = append(f.legend.entries, lineEntry("size of the payload", payloadLine))
	f.fill = func(p *plot.Plot, cells []*cell, row func(*cell) float64) {
		largest := 1.0
		for _, c := range cells {
			size, y := float64(c.SizeBytes), row(c)
			largest = max(largest, size, rss.length(c), pss.length(c))
			stack(p, pieces([]part{pss, more}, c, 1), y, sizeLabel(c.PSSPeak), c)
			p.Add(&plotter.Line{XYs: plotter.XYs{{X: size, Y: y - 0.5}, {X: size, Y: y + 0.5}}, LineStyle: payloadLine})
		}
		linear(p, largest, math.Pow(1024, math.Floor(math.Log2(largest)/10)), sizeLabel)
	}
	return f.compose()
}
