package plots

import (
	"slices"
	"strconv"

	"gonum.org/v1/plot"
)

func durationTicks(low, high float64) []plot.Tick { return decades(low, high, durationLabel) }

func rateTicks(low, high float64) []plot.Tick { return decades(low, high, rateLabel) }

var (
	latency    = measure{"latency", "ns", axis{"latency", durationTicks}, func(c *cell) estimate { return estimate{c.LatencyMedian, c.LatencyLo, c.LatencyHi} }}
	throughput = measure{"throughput", "bytes_per_s", axis{"throughput", rateTicks}, func(c *cell) estimate { return c.throughput }}
	makespan   = measure{"makespan", "ns", axis{"time to last delivery", durationTicks}, func(c *cell) estimate { return c.makespan }}
)

// latencyAgainstSize is the paper's first question: how long until B has the object?
func latencyAgainstSize(r *run) (*drawing, error) { return againstSize(r, latency) }

func throughputAgainstSize(r *run) (*drawing, error) {
	return againstSize(r, throughput)
}

// againstSize draws lines where sizes vary, and rows of dots where there is one size.
func againstSize(r *run, m measure) (*drawing, error) {
	cells := r.sized()
	f := &lineFigure{cells: cells, x: sizeAxis(cells), at: func(c *cell) float64 { return float64(c.SizeBytes) }, measure: m}
	if len(sizes(f.shown())) == 1 {
		return dots(f)
	}
	return f.compose()
}

func sizeAxis(cells []*cell) axis {
	var values []float64
	for _, s := range sizes(cells) {
		values = append(values, float64(s))
	}
	return axis{"payload", func(low, high float64) []plot.Tick { return spaced(values, low, high, 0.15, sizeLabel) }}
}

// A count is a property of cells that is a number of hand-offs.
type count struct {
	name, title string
	of          func(*cell) int
}

var (
	fanout      = count{"fan-out", "targets of one hand-off", func(c *cell) int { return c.Fanout }}
	concurrency = count{"concurrency", "concurrent hand-offs", func(c *cell) int { return c.Concurrency }}
)

func makespanAgainstFanout(r *run) (*drawing, error) {
	return againstCount(r.with(concurrency, r.concurrency), fanout, makespan)
}

func throughputAgainstFanout(r *run) (*drawing, error) {
	return againstCount(r.with(concurrency, r.concurrency), fanout, throughput)
}

func makespanAgainstConcurrency(r *run) (*drawing, error) {
	return againstCount(r.with(fanout, r.fanout), concurrency, makespan)
}

func throughputAgainstConcurrency(r *run) (*drawing, error) {
	return againstCount(r.with(fanout, r.fanout), concurrency, throughput)
}

// with selects the cells of which a count has a value.
func (r *run) with(of count, value int) []*cell {
	return r.where(func(c *cell) bool { return of.of(c) == value })
}

// againstCount draws lines against fan-out or concurrency. Payload sizes at which it does
// not vary are left out.
func againstCount(cells []*cell, n count, m measure) (*drawing, error) {
	counts := make(map[int64][]int)
	for _, c := range cells {
		if !slices.Contains(counts[c.SizeBytes], n.of(c)) {
			counts[c.SizeBytes] = append(counts[c.SizeBytes], n.of(c))
		}
	}
	cells = slices.DeleteFunc(cells, func(c *cell) bool { return len(counts[c.SizeBytes]) < 2 })
	if len(cells) == 0 {
		return nil, errNoData(n.name + " does not vary")
	}
	var values []float64
	for _, value := range distinct(cells, n.of) {
		values = append(values, float64(value))
	}
	slices.Sort(values)
	label := func(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }
	f := &lineFigure{
		cells: cells, at: func(c *cell) float64 { return float64(n.of(c)) }, perSize: true, measure: m,
		x: axis{n.title, func(low, high float64) []plot.Tick { return spaced(values, low, high, 0.07, label) }},
	}
	return f.compose()
}
