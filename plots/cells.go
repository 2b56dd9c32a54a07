package plots

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"rrbench/results"
)

// A cell is a cell's statistics and the series that it belongs to.
type cell struct {
	results.Summary
	series series
	// measured is nil where only summary.csv has the cell.
	measured *results.Measured
	// copies is what was counted of a hand-off, nil where nothing was.
	copies *results.Copies
	// limits are the transports that do the same work without functions.
	limits []string
	// limit is the cell of its transport's limit, nil where the run has none.
	limit *results.Summary
	// percentile is the place in percentiles of what a panel shows of the cell.
	percentile int
}

func cellsOf(summaries []results.Summary, measured []*results.Measured, transports results.Transports) []*cell {
	var cells []*cell
	starts := make(map[results.Point]*results.Measured)
	for _, m := range measured {
		starts[m.Point] = m
	}
	known := make(map[results.Point]bool)
	conditions, limits := conditionsThatVary(summaries), results.LimitsOf(summaries, transports)
	for _, summary := range summaries {
		// Experiments may share cells: a cell is drawn once.
		identity := summary.Point()
		identity.Experiment = ""
		if !known[identity] {
			known[identity] = true
			c := newCell(summary, transports.Of(summary.Transport))
			c.series.condition, c.limit, c.measured = conditions(&summary), limits.Of(&summary, transports), starts[summary.Point()]
			cells = append(cells, c)
		}
	}
	return cells
}

func newCell(summary results.Summary, info results.TransportInfo) *cell {
	engine, standIn, _ := strings.Cut(summary.Engine, "+")
	if engine == "native" {
		engine = ""
	}
	return &cell{Summary: summary, limits: info.Limits, series: series{kindOf(info), summary.Transport, summary.Codec, engine, standIn, summary.Placement, ""}}
}

// conditionsThatVary returns what names those of a cell's conditions in which cells of its transport
// and codec differ.
func conditionsThatVary(summaries []results.Summary) func(*results.Summary) string {
	fields := []func(*results.Summary) string{
		func(s *results.Summary) string { return s.Origin },
		func(s *results.Summary) string { return s.Consume },
		func(s *results.Summary) string { return s.FanoutOrder },
		func(s *results.Summary) string { return s.Launcher },
	}
	type of struct {
		transport, codec string
		field            int
	}
	values := make(map[of][]string)
	for i := range summaries {
		s := &summaries[i]
		for j, field := range fields {
			if key, value := (of{s.Transport, s.Codec, j}), field(s); !slices.Contains(values[key], value) {
				values[key] = append(values[key], value)
			}
		}
	}
	return func(s *results.Summary) string {
		var words []string
		for j, field := range fields {
			if len(values[of{s.Transport, s.Codec, j}]) > 1 {
				words = append(words, field(s))
			}
		}
		words = append(words, when(s.SizeMix != "", "mix "+s.SizeMix))
		return strings.Join(where(words, func(word string) bool { return word != "" }), " ")
	}
}

// estimate is a measure of the cell by its column, NaN where the cell cannot be used.
func (c *cell) estimate(column string) results.Estimate {
	if !c.usable() {
		return results.Sample(nil).Estimate()
	}
	m, err := results.MeasureOf(column)
	if err != nil {
		panic(err) // figures name columns that there are
	}
	return c.measured.Sample(m).Estimate()
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
	// condition is empty where the run has one.
	condition string
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
	if s.condition != "" {
		variant += " " + s.condition
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

func engines(all []series) []string {
	return where(distinct(all, func(s series) string { return s.engine }), func(engine string) bool { return engine != "" })
}

// ordered lists the series by their transports' places, else in the order in which they occur.
func ordered(cells []*cell) []series {
	all := distinct(cells, func(c *cell) series { return c.series })
	slices.SortStableFunc(all, func(a, b series) int { return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.within, b.within)) })
	return all
}

// representative chooses up to three sizes: the smallest, the largest, and what lies in the middle by ratio.
func representative(all []int64) []int64 {
	if len(all) <= 3 {
		return all
	}
	smallest, largest := all[0], all[len(all)-1]
	low, high := math.Log(float64(smallest)), math.Log(float64(largest))
	distance := func(size int64) float64 { return math.Abs(math.Log(float64(size)) - (low + (high-low)/2)) }
	middle := slices.MinFunc(all, func(a, b int64) int { return cmp.Compare(distance(a), distance(b)) })
	return slices.Compact([]int64{smallest, middle, largest})
}
