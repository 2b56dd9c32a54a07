package plots

import (
	"slices"
	"strconv"
)

// A property of cells is what the horizontal axis of a line figure shows. Its labels stand
// apart by at least a share of the axis.
type property struct {
	name, title string
	of          func(*cell) int64
	label       func(float64) string
	apart       float64
}

var (
	payload     = property{"size", "payload", func(c *cell) int64 { return c.SizeBytes }, sizeLabel, 0.15}
	fanout      = property{"fan-out", "targets of one hand-off", func(c *cell) int64 { return int64(c.Fanout) }, countLabel, 0.07}
	concurrency = property{"concurrency", "concurrent hand-offs", func(c *cell) int64 { return int64(c.Concurrency) }, countLabel, 0.07}
)

func countLabel(count float64) string { return strconv.FormatFloat(count, 'f', -1, 64) }

// values are those that occur, ascending.
func (x property) values(cells []*cell) []int64 {
	return slices.Sorted(slices.Values(distinct(cells, x.of)))
}

// smallest selects the cells with the smallest value.
func (x property) smallest(cells []*cell) []*cell {
	values := x.values(cells)
	return where(cells, func(c *cell) bool { return x.of(c) == values[0] })
}

// sized selects the cells by which payload sizes are compared.
func sized(cells []*cell) []*cell { return fanout.smallest(concurrency.smallest(cells)) }

var (
	latency    = measure{"latency", "ns", "latency", durationLabel, func(c *cell) estimate { return estimate{c.LatencyMedian, c.LatencyLo, c.LatencyHi} }}
	throughput = measure{"throughput", "bytes_per_s", "throughput", rateLabel, func(c *cell) estimate { return c.throughput }}
	makespan   = measure{"makespan", "ns", "time to last delivery", durationLabel, func(c *cell) estimate { return c.makespan }}
)

// againstSize draws lines where sizes vary, and rows of dots where there is one size.
func againstSize(m measure) func([]*cell) (*sheet, error) {
	return func(cells []*cell) (*sheet, error) {
		f := &lineFigure{x: payload, measure: m, cells: sized(cells)}
		if len(payload.values(f.shown())) == 1 {
			return dots(f)
		}
		return f.compose()
	}
}

// againstCount draws lines against one count where another is smallest. It leaves out the
// sizes at which the count does not vary.
func againstCount(x, other property, m measure) func([]*cell) (*sheet, error) {
	return func(cells []*cell) (*sheet, error) {
		cells = other.smallest(cells)
		f := &lineFigure{x: x, measure: m, perSize: true, cells: where(cells, func(c *cell) bool {
			return slices.ContainsFunc(cells, func(d *cell) bool { return d.SizeBytes == c.SizeBytes && x.of(d) != x.of(c) })
		})}
		if len(f.cells) == 0 {
			return nil, errNoData(x.name + " does not vary")
		}
		return f.compose()
	}
}
