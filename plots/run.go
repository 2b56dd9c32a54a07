package plots

import (
	"errors"
	"io/fs"
	"math"
	"slices"
	"strings"

	"rrbench/results"
)

// A run is what the figures are made from.
type run struct {
	cells []*cell
	// fanout and concurrency are the smallest of the run, at which payload sizes are
	// compared.
	fanout, concurrency int
}

// A cell is a cell's statistics and what only its trials tell.
type cell struct {
	results.Summary
	// makespan, in nanoseconds, and throughput, in bytes a second, over rounds.
	makespan, throughput estimate
}

// An estimate is a median and its interval. Without a number it is NaN; without an
// interval lo and hi equal the median.
type estimate struct{ value, lo, hi float64 }

func exactly(value float64) estimate { return estimate{value, value, value} }

func load(directory *results.Directory) (*run, error) {
	summaries, err := directory.Summaries()
	if err != nil {
		return nil, err
	}
	trials, _, err := directory.Trials()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return newRun(summaries, trials), nil
}

func newRun(summaries []results.Summary, trials []results.Trial) *run {
	rounds := make(map[results.Cell][]results.Round)
	for _, round := range results.Rounds(trials) {
		rounds[round.Cell] = append(rounds[round.Cell], round)
	}
	r := &run{}
	known := make(map[results.Cell]bool)
	for _, summary := range summaries {
		// Experiments may share cells: a cell is drawn once.
		identity := summary.Cell
		identity.Experiment = ""
		if known[identity] {
			continue
		}
		known[identity] = true
		r.cells = append(r.cells, newCell(summary, rounds[summary.Cell]))
	}
	for i, c := range r.cells {
		if i == 0 || c.Fanout < r.fanout {
			r.fanout = c.Fanout
		}
		if i == 0 || c.Concurrency < r.concurrency {
			r.concurrency = c.Concurrency
		}
	}
	return r
}

func newCell(summary results.Summary, rounds []results.Round) *cell {
	c := &cell{Summary: summary}
	if len(rounds) == 0 {
		handoffs := float64(max(summary.Fanout, 1) * max(summary.Concurrency, 1))
		c.makespan = exactly(handoffs / summary.OpsPerSecond * 1e9)
		c.throughput = exactly(summary.BytesPerSecond)
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

// drawable says whether a cell's numbers may be shown.
func (c *cell) drawable() bool { return c.Status == results.OK && c.N > 0 }

// A series is the cells that one line or one row of bars stands for.
type series struct{ transport, codec, engine, standIn, placement string }

func (c *cell) series() series {
	engine, standIn, _ := strings.Cut(c.Engine, "+")
	return series{c.Transport, c.Codec, engine, standIn, c.Placement}
}

// engine is the WebAssembly runtime, or native, without what stands in for something else.
func (c *cell) engine() string { return c.series().engine }

// family is the kind of transport that a series belongs to.
func (s series) family() string {
	family, _, _ := strings.Cut(s.transport, "/")
	return family
}

// native says that the series needs no WebAssembly, so it is the same for all engines.
func (s series) native() bool { return s.engine == "native" }

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

// where selects cells.
func (r *run) where(want func(*cell) bool) []*cell {
	var selected []*cell
	for _, c := range r.cells {
		if want(c) {
			selected = append(selected, c)
		}
	}
	return selected
}

// sized selects the cells by which payload sizes are compared.
func (r *run) sized() []*cell {
	return r.where(func(c *cell) bool { return c.Fanout == r.fanout && c.Concurrency == r.concurrency })
}

// distinct lists the values of a property in the order in which they occur.
func distinct[Value comparable](cells []*cell, property func(*cell) Value) []Value {
	var values []Value
	seen := make(map[Value]bool)
	for _, c := range cells {
		if value := property(c); !seen[value] {
			seen[value] = true
			values = append(values, value)
		}
	}
	return values
}

// sizes lists the payload sizes, ascending.
func sizes(cells []*cell) []int64 {
	all := distinct(cells, func(c *cell) int64 { return c.SizeBytes })
	slices.Sort(all)
	return all
}

// engines lists the WebAssembly engines.
func engines(cells []*cell) []string {
	return slices.DeleteFunc(distinct(cells, (*cell).engine), func(engine string) bool { return engine == "native" })
}

// familyOrder is the order of the families in legends and rows.
var familyOrder = []string{"user", "kernel", "network", "auto", "http", "redis", "limit"}

// ordered lists the series by family, else in the order in which they occur.
func ordered(cells []*cell) []series {
	all := distinct(cells, (*cell).series)
	rank := func(s series) int {
		if i := slices.Index(familyOrder, s.family()); i >= 0 {
			return i
		}
		return len(familyOrder) - 1
	}
	slices.SortStableFunc(all, func(a, b series) int { return rank(a) - rank(b) })
	return all
}

// representative chooses up to count sizes: the smallest, the largest, and what lies
// between them evenly by ratio.
func representative(all []int64, count int) []int64 {
	if len(all) <= count {
		return all
	}
	chosen := make([]int64, 0, count)
	low, high := math.Log(float64(all[0])), math.Log(float64(all[len(all)-1]))
	for i := range count {
		target := low + (high-low)*float64(i)/float64(count-1)
		nearest := slices.MinFunc(all, func(a, b int64) int {
			return compareDistance(math.Log(float64(a)), math.Log(float64(b)), target)
		})
		if !slices.Contains(chosen, nearest) {
			chosen = append(chosen, nearest)
		}
	}
	return chosen
}

func compareDistance(a, b, target float64) int {
	switch da, db := math.Abs(a-target), math.Abs(b-target); {
	case da < db:
		return -1
	case da > db:
		return 1
	}
	return 0
}
