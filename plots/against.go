package plots

import (
	"math"
	"slices"
	"strconv"

	"rrbench/results"
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
	fanin       = property{"fan-in", "sources that send to one target", func(c *cell) int64 { return int64(max(c.Fanin, 1)) }, countLabel, 0.07}
	concurrency = property{"concurrency", "concurrent hand-offs", func(c *cell) int64 { return int64(c.Concurrency) }, countLabel, 0.07}
	offered     = property{"rate", "offered hand-offs a second", func(c *cell) int64 { return int64(c.Rate) }, countLabel, 0.13}
)

func countLabel(count float64) string { return strconv.FormatFloat(count, 'f', -1, 64) }

func (x property) values(cells []*cell) []int64 {
	return slices.Sorted(slices.Values(distinct(cells, x.of)))
}

func (x property) smallest(cells []*cell) []*cell {
	values := x.values(cells)
	return where(cells, func(c *cell) bool { return x.of(c) == values[0] })
}

// sized selects the cells by which payload sizes are compared.
func sized(cells []*cell) []*cell {
	return offered.smallest(fanout.smallest(fanin.smallest(concurrency.smallest(cells))))
}

var (
	latency = measure{"latency", "ns", "latency", durationLabel, func(c *cell) results.Estimate {
		return results.Estimate{Value: c.LatencyMedian, Lo: c.LatencyLo, Hi: c.LatencyHi}
	}, false}
	throughput = measure{"throughput", "bytes_per_s", "measured throughput", rateLabel, func(c *cell) results.Estimate {
		return results.Estimate{Value: c.BytesPerSecond, Lo: c.BytesPerSecondLo, Hi: c.BytesPerSecondHi}
	}, true}
	makespan = measure{"makespan", "ns", "time to last consumption", durationLabel, func(c *cell) results.Estimate {
		return results.Estimate{Value: c.MakespanMedian, Lo: c.MakespanLo, Hi: c.MakespanHi}
	}, false}
	sourceCPU = measure{"source_cpu", "ns_per_byte", "CPU time of the source a byte", cpuLabel, func(c *cell) results.Estimate {
		return results.Estimate{Value: c.SourceCPU, Lo: c.SourceCPULo, Hi: c.SourceCPUHi}
	}, false}
	totalCPU = measure{"cpu", "ns", "CPU time of a hand-off", durationLabel, func(c *cell) results.Estimate { return results.Estimate{Value: c.CPUUser + c.CPUKernel} }, false}
	cycle    = measure{"cycle", "ns", "whole cycle", durationLabel, func(c *cell) results.Estimate {
		return results.Estimate{Value: c.CycleMedian, Lo: c.CycleLo, Hi: c.CycleHi}
	}, false}
)

// goodput is the measured throughput in comparison with the limit's of the same run; the interval is
// the cell's own.
var goodput = measure{"goodput", "of_limit", "throughput over the limit's", shareLabel, func(c *cell) results.Estimate {
	if c.limit == nil {
		return results.Estimate{Value: math.NaN()}
	}
	limit := c.limit.BytesPerSecond
	return results.Estimate{Value: c.BytesPerSecond / limit, Lo: c.BytesPerSecondLo / limit, Hi: c.BytesPerSecondHi / limit}
}, true}

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

// varying selects the cells at which a count varies, where the others are smallest: it leaves out
// the sizes that have one value of it, and those without a rate where rates are compared.
func varying(x property, cells []*cell) ([]*cell, error) {
	cells = where(cells, func(c *cell) bool { return x.of(c) > 0 })
	for _, other := range []property{fanout, fanin, concurrency, offered} {
		if other.name != x.name {
			cells = other.smallest(cells)
		}
	}
	cells = where(cells, func(c *cell) bool {
		return slices.ContainsFunc(cells, func(d *cell) bool { return d.SizeBytes == c.SizeBytes && x.of(d) != x.of(c) })
	})
	if len(cells) == 0 {
		return nil, errNoData(x.name + " does not vary")
	}
	return cells, nil
}

func againstCount(x property, m measure) func([]*cell) (*sheet, error) {
	return func(cells []*cell) (*sheet, error) {
		cells, err := varying(x, cells)
		if err != nil {
			return nil, err
		}
		return (&lineFigure{x: x, measure: m, perSize: true, cells: cells}).compose()
	}
}

// percentiles are what a figure of latencies under load has a panel for each of.
var percentiles = []struct {
	percent int
	title   string
	column  csvColumn
}{
	{50, "median", csvColumn{"latency_p50_ns", func(c *cell) float64 { return c.LatencyP50 }}},
	{99, "99th percentile", csvColumn{"latency_p99_ns", func(c *cell) float64 { return c.LatencyP99 }}},
}

// underLoad draws the percentiles of the latency against a count that varies.
func underLoad(x property) func([]*cell) (*sheet, error) {
	return func(cells []*cell) (*sheet, error) {
		cells, err := varying(x, cells)
		if err != nil {
			return nil, err
		}
		m := measure{"latency", "ns", "latency under load", durationLabel, func(c *cell) results.Estimate {
			return results.Estimate{Value: percentiles[c.percentile].column.of(c)}
		}, false}
		f := &lineFigure{x: x, measure: m, perSize: true}
		var columns []csvColumn
		for i, p := range percentiles {
			columns = append(columns, p.column)
			for _, c := range cells {
				one := *c
				one.percentile = i
				f.cells = append(f.cells, &one)
			}
		}
		s, err := f.compose()
		if err != nil {
			return nil, err
		}
		s.table = tableOf(cells, columns, func(c *cell) string { return c.lacks(c.LatencyP50, float64(x.of(c))) })
		return s, nil
	}
}
