package plots

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"rrbench/results"
)

// A cell is a cell's statistics and what only its trials tell.
type cell struct {
	results.Summary
	series series
	// makespan, in nanoseconds, and throughput, in bytes a second, over rounds.
	makespan, throughput estimate
}

// An estimate is a median and its interval. Without a number it is NaN; without an
// interval lo and hi equal the median.
type estimate struct{ value, lo, hi float64 }

func cellsOf(summaries []results.Summary, trials []results.Trial, transports results.Transports) []*cell {
	rounds := make(map[results.Cell][]results.Round)
	for _, round := range results.Rounds(trials) {
		rounds[round.Cell] = append(rounds[round.Cell], round)
	}
	var cells []*cell
	known := make(map[results.Cell]bool)
	for _, summary := range summaries {
		// Experiments may share cells: a cell is drawn once.
		identity := summary.Cell
		identity.Experiment = ""
		if !known[identity] {
			known[identity] = true
			cells = append(cells, newCell(summary, rounds[summary.Cell], transports.Of(summary.Transport)))
		}
	}
	return cells
}

func newCell(summary results.Summary, rounds []results.Round, info results.TransportInfo) *cell {
	engine, standIn, _ := strings.Cut(summary.Engine, "+")
	if engine == "native" {
		engine = ""
	}
	c := &cell{Summary: summary, series: series{kindOf(info), summary.Transport, summary.Codec, engine, standIn, summary.Placement}}
	if len(rounds) == 0 {
		duration := float64(max(summary.Fanout, 1)*max(summary.Concurrency, 1)) / summary.OpsPerSecond * 1e9
		c.makespan = estimate{duration, duration, duration}
		c.throughput = estimate{summary.BytesPerSecond, summary.BytesPerSecond, summary.BytesPerSecond}
		return c
	}
	makespans := make([]float64, len(rounds))
	var throughputs []float64
	for i := range rounds {
		makespans[i] = float64(rounds[i].Makespan())
		if ops := rounds[i].OpsPerSecond(); !math.IsNaN(ops) {
			throughputs = append(throughputs, ops*float64(summary.SizeBytes))
		}
	}
	c.makespan.value, c.makespan.lo, c.makespan.hi = results.Interval(makespans)
	c.throughput.value, c.throughput.lo, c.throughput.hi = results.Interval(throughputs)
	return c
}

// lacks is why a cell that needs positive numbers cannot be drawn, or nothing.
func (c *cell) lacks(numbers ...float64) string {
	switch {
	case c.Status != results.OK || c.N == 0:
		return string(c.Status)
	case slices.ContainsFunc(numbers, func(number float64) bool { return !positive(number) }):
		return "no positive number"
	}
	return ""
}

// A series is the cells that one line or one row of bars stands for. Its engine is the
// WebAssembly runtime, without what stands in for something else; a native one has none, and
// is the same for all engines.
type series struct {
	kind
	transport, codec, engine, standIn, placement string
}

// variant names a series within the panel of one engine and one placement.
func (s series) variant() string {
	variant := s.transport
	if s.codec != "none" && s.codec != "" {
		variant += " " + s.codec
	}
	if s.standIn != "" {
		variant += " on " + s.standIn
	}
	return variant
}

func where[T any](all []T, want func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(all), func(one T) bool { return !want(one) })
}

// distinct lists the values of a property in the order in which they occur.
func distinct[T any, Value comparable](all []T, property func(T) Value) []Value {
	var values []Value
	known := make(map[Value]bool)
	for _, one := range all {
		if value := property(one); !known[value] {
			known[value] = true
			values = append(values, value)
		}
	}
	return values
}

// engines lists the WebAssembly engines.
func engines(all []series) []string {
	return where(distinct(all, func(s series) string { return s.engine }), func(engine string) bool { return engine != "" })
}

// ordered lists the series by their transports' places, else in the order in which they occur.
func ordered(cells []*cell) []series {
	all := distinct(cells, func(c *cell) series { return c.series })
	slices.SortStableFunc(all, func(a, b series) int { return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.within, b.within)) })
	return all
}

// representative chooses up to count sizes: the smallest, the largest, and what lies
// between them evenly by ratio.
func representative(all []int64, count int) []int64 {
	if len(all) <= count {
		return all
	}
	var chosen []int64
	low, high := math.Log(float64(all[0])), math.Log(float64(all[len(all)-1]))
	for i := range count {
		target := low + (high-low)*float64(i)/float64(count-1)
		distance := func(size int64) float64 { return math.Abs(math.Log(float64(size)) - target) }
		chosen = append(chosen, slices.MinFunc(all, func(a, b int64) int { return cmp.Compare(distance(a), distance(b)) }))
	}
	return slices.Compact(chosen)
}
