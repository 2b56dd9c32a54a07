package plots

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"rrbench/results"
)

// A part is a piece of a stacked bar.
type part struct {
	name, column string
	fill         style
	of           func(*cell) float64
}

func boxes(parts []part) legend {
	var l legend
	for _, p := range parts {
		l.entries = append(l.entries, boxEntry(p.name, p.fill))
	}
	return l
}

// sum adds a cell's parts up; those that it does not have count nothing.
func sum(parts []part, c *cell) float64 {
	total := 0.0
	for _, p := range parts {
		total += positiveOr0(p.of(c))
	}
	return total
}

// whyNot is why a cell's parts are not drawn.
func whyNot(parts []part) func(*cell) string {
	return func(c *cell) string {
		switch {
		case !c.drawable():
			return string(c.Status)
		case !positive(sum(parts, c)):
			return "no positive number"
		}
		return ""
	}
}

func partColumns(parts []part) []csvColumn {
	var columns []csvColumn
	for _, p := range parts {
		columns = append(columns, csvColumn{p.column, p.of})
	}
	return columns
}

// breakdown shows where a latency goes: the phases' shares, and the latency as a number,
// because the transports' latencies differ by orders of magnitude.
func breakdown(r *run) (*drawing, error) {
	phases := []part{
		{"serialize", "serialize_median_ns", style{color: orange}, func(c *cell) float64 { return c.SerializeMedian }},
		{"copy out", "copy_out_median_ns", style{color: skyBlue}, func(c *cell) float64 { return c.CopyOutMedian }},
		{"transfer", "transfer_median_ns", style{color: blue}, func(c *cell) float64 { return c.TransferMedian }},
		{"copy in", "copy_in_median_ns", style{color: bluishGreen}, func(c *cell) float64 { return c.CopyInMedian }},
		{"deserialize", "deserialize_median_ns", style{color: vermillion}, func(c *cell) float64 { return c.DeserializeMedian }},
	}
	f := &rowFigure{
		cells: r.sized(), why: whyNot(phases), title: "share of the latency; the number is the median", legend: boxes(phases),
		columns: append(partColumns(phases), csvColumn{"latency_median_ns", func(c *cell) float64 { return c.LatencyMedian }}),
	}
	axis := scale{bound{0, 1.3}, false, []plot.Tick{{Value: 0, Label: "0"}, {Value: 0.5, Label: "50 %"}, {Value: 1, Label: "100 %"}}}
	f.panel = func([]*cell) (scale, rowPainter) {
		return axis, func(v view, c *cell, middle, thickness vg.Length) {
			total, from := sum(phases, c), 0.0
			for _, phase := range phases {
				to := from + positiveOr0(phase.of(c))/total
				bar(v, from, to, middle, thickness, phase.fill)
				from = to
			}
			note(v, v.toX(1), middle, results.FormatDuration(c.LatencyMedian))
		}
	}
	return f.compose()
}

// cpu shows what a hand-off costs the machine, in user and in kernel mode.
func cpu(r *run) (*drawing, error) {
	modes := []part{
		{"user mode", "cpu_user_ns_per_op", style{color: blue}, func(c *cell) float64 { return c.CPUUser }},
		{"kernel mode", "cpu_kernel_ns_per_op", style{color: orange}, func(c *cell) float64 { return c.CPUKernel }},
	}
	f := &rowFigure{
		cells: r.sized(), why: whyNot(modes), title: "CPU time a hand-off, all processes (mean)", legend: boxes(modes),
		columns: partColumns(modes),
	}
	f.panel = func(cells []*cell) (scale, rowPainter) {
		largest := 1.0
		for _, c := range cells {
			largest = math.Max(largest, sum(modes, c))
		}
		return linear(largest, 1, durationLabel), func(v view, c *cell, middle, thickness vg.Length) {
			from := 0.0
			for _, mode := range modes {
				to := from + positiveOr0(mode.of(c))
				bar(v, from, to, middle, thickness, mode.fill)
				from = to
			}
			note(v, v.toX(from), middle, results.FormatDuration(from))
		}
	}
	return f.compose()
}

// memory shows what a transport holds at its peak. The bar of the resident set lies behind
// that of the proportional set, which counts shared pages once and is never larger.
func memory(r *run) (*drawing, error) {
	pss := part{"proportional set (PSS): shared pages once", "pss_peak_bytes", style{color: bluishGreen}, func(c *cell) float64 { return c.PSSPeak }}
	rss := part{"resident set (RSS)", "rss_peak_bytes", style{color: shade(bluishGreen, 2)}, func(c *cell) float64 { return c.RSSPeak }}
	f := &rowFigure{
		cells: r.sized(), why: whyNot([]part{pss, rss}), title: "peak memory of all processes; the number is PSS", legend: boxes([]part{pss, rss}),
		columns: partColumns([]part{pss, rss}),
	}
	f.legend.entries = append(f.legend.entries, uprightEntry("size of the payload", payloadLine))
	f.panel = func(cells []*cell) (scale, rowPainter) {
		largest := 1.0
		for _, c := range cells {
			largest = max(largest, positiveOr0(c.RSSPeak), positiveOr0(c.PSSPeak), float64(c.SizeBytes))
		}
		unit := 1.0
		for unit*1024 <= largest {
			unit *= 1024
		}
		return linear(largest, unit, sizeLabel), func(v view, c *cell, middle, thickness vg.Length) {
			for _, p := range []part{rss, pss} {
				bar(v, 0, positiveOr0(p.of(c)), middle, thickness, p.fill)
			}
			v.StrokeLine2(payloadLine, v.toX(float64(c.SizeBytes)), middle-vg.Points(rowHeight/2), v.toX(float64(c.SizeBytes)), middle+vg.Points(rowHeight/2))
			note(v, v.toX(max(positiveOr0(c.RSSPeak), positiveOr0(c.PSSPeak))), middle, sizeLabel(c.PSSPeak))
		}
	}
	return f.compose()
}

var payloadLine = draw.LineStyle{Color: black, Width: vg.Points(0.8)}

func positiveOr0(value float64) float64 {
	if positive(value) {
		return value
	}
	return 0
}
