package results

import (
	"math"
	"slices"
)

// Estimate is a number and its 95 % interval; Lo and Hi are NaN where there is none, and Value
// where there is no number.
type Estimate struct{ Value, Lo, Hi float64 }

// Sample is what a cell was measured to, one number a start: only starts are independent.
type Sample []float64

// Estimate is the sample's geometric mean, with Student's interval on the logarithms from
// 3 starts on.
func (s Sample) Estimate() Estimate {
	value, lo, hi := overStarts(s)
	return Estimate{value, lo, hi}
}

// Over is the ratio to another sample, with Welch's interval on the logarithms where both have 3
// starts. A sample of nothing but zeros has the ratio zero.
func (s Sample) Over(other Sample) Estimate {
	if s.Zero() && len(other) > 0 && !other.Zero() {
		return Estimate{}
	}
	ratio, lo, hi := ratioOfStarts(s, other)
	return Estimate{ratio, lo, hi}
}

// Zero reports whether every start is zero, as of a phase that a transport does not have.
func (s Sample) Zero() bool {
	return len(s) > 0 && !slices.ContainsFunc(s, func(value float64) bool { return value != 0 })
}

// A Measure is what a cell's starts can be compared by.
type Measure struct {
	// Column is its name: that of the column of summary.csv, or of a sum of columns.
	Column string
	// of is a start's number; the window may be nil.
	of func(s start, w *Window) float64
}

// ofRounds is a start's median over rounds, each the median over its hand-offs.
func ofRounds(of func(*Trial) int64) func(start, *Window) float64 {
	return func(s start, _ *Window) float64 {
		return s.handoffs(of)
	}
}

func ofHandoffs(of func(*Trial) int64) func(start, *Window) float64 {
	return func(s start, _ *Window) float64 {
		return mean(each(slices.Concat(s...), of))
	}
}

func ofPeaks(of func(*Trial) int64, window func(*Window) int64) func(start, *Window) float64 {
	return func(s start, w *Window) float64 {
		peaks := each(slices.Concat(s...), of)
		if w != nil {
			peaks = append(peaks, float64(window(w)))
		}
		return max(maximum(peaks), 0)
	}
}

func ofWindow(of func(Window) float64) func(start, *Window) float64 {
	return func(_ start, w *Window) float64 {
		if w == nil || w.Ns <= 0 {
			return math.NaN()
		}
		return of(*w)
	}
}

var measures = []Measure{
	{"latency_median_ns", ofRounds(latencyOf)},
	{"consumed_median_ns", ofRounds(func(t *Trial) int64 { return t.Consumed })},
	{"cycle_median_ns", ofRounds(func(t *Trial) int64 { return t.Cycle })},
	{"makespan_median_ns", func(s start, _ *Window) float64 {
		return s.median(round.makespan)
	}},
	{"serialize_median_ns", ofRounds(func(t *Trial) int64 { return t.Serialize })},
	{"copy_out_median_ns", ofRounds(func(t *Trial) int64 { return t.CopyOut })},
	{"transfer_median_ns", ofRounds(func(t *Trial) int64 { return t.Transfer })},
	{"copy_in_median_ns", ofRounds(func(t *Trial) int64 { return t.CopyIn })},
	{"deserialize_median_ns", ofRounds(func(t *Trial) int64 { return t.Deserialize })},
	{"serialization_median_ns", ofRounds(func(t *Trial) int64 { return t.Serialize + t.Deserialize })},
	{"vm_io_median_ns", ofRounds(func(t *Trial) int64 { return t.CopyOut + t.CopyIn })},
	{"serialization_share", func(s start, w *Window) float64 {
		return ofRounds(func(t *Trial) int64 { return t.Serialize + t.Deserialize })(s, w) / ofRounds(latencyOf)(s, w)
	}},
	{"throughput_ops_per_s", ofWindow(Window.ops)},
	{"throughput_bytes_per_s", ofWindow(Window.throughput)},
	{"cpu_user_ns_per_op", ofHandoffs(func(t *Trial) int64 { return t.CPUUser })},
	{"cpu_kernel_ns_per_op", ofHandoffs(func(t *Trial) int64 { return t.CPUKernel })},
	{"cpu_ns_per_op", ofHandoffs(func(t *Trial) int64 { return t.CPUUser + t.CPUKernel })},
	{"rss_peak_bytes", ofPeaks(func(t *Trial) int64 { return t.RSSPeak }, func(w *Window) int64 { return w.RSSPeak })},
	{"pss_peak_bytes", ofPeaks(func(t *Trial) int64 { return t.PSSPeak }, func(w *Window) int64 { return w.PSSPeak })},
}

// Measures are all that there are. Three are of no column: serialization_median_ns is that of
// serialize and deserialize together, serialization_share its part of the latency, and
// vm_io_median_ns that of copy_out and copy_in, which the Roadrunner paper calls Wasm VM I/O;
// cpu_ns_per_op is user and kernel time together.
func Measures() []Measure { return measures }

// MeasureOf finds a measure by its column.
func MeasureOf(column string) (Measure, error) {
	return named(measures, column, func(m Measure) string { return m.Column })
}

// Measured is what the starts of one cell have left.
type Measured struct {
	Point
	starts  []start
	windows map[startKey]*Window
}

// MeasuredCells gathers the trials and windows of each cell with a whole round, in the order
// of the plan. What serves to know the run's noise is left out. They point into the
// trials and windows.
func MeasuredCells(trials []Trial, windows []Window) []*Measured {
	ran := make(map[cellKey]map[startKey]*Window)
	for i := range windows {
		w := &windows[i]
		k := cellKey{w.CellIndex, w.Point}
		if ran[k] == nil {
			ran[k] = make(map[startKey]*Window)
		}
		if !w.Noise {
			ran[k][startKey{w.Block, w.Start}] = w
		}
	}
	order, cells := byCell(trials)
	var all []*Measured
	for _, k := range order {
		if starts := startsOf(gather(cells[k], false), false); len(starts) > 0 {
			all = append(all, &Measured{k.point, starts, ran[k]})
		}
	}
	return all
}

// Measured are the cells of which everything that was tried is ok.
func (c *Contents) Measured() []*Measured {
	ok := make(map[Point]bool)
	for i := range c.Summaries {
		ok[c.Summaries[i].Point()] = c.Summaries[i].Status == OK
	}
	return slices.DeleteFunc(MeasuredCells(c.Trials, c.Windows), func(m *Measured) bool { return !ok[m.Point] })
}

// PayloadBytes is the length of what its first row was about.
func (m *Measured) PayloadBytes() int64 { return m.starts[0][0][0].PayloadBytes }

// Starts counts them.
func (m *Measured) Starts() int { return len(m.starts) }

// Sample is a measure, one number a start; starts that do not have it are left out.
func (m *Measured) Sample(of Measure) (sample Sample) {
	for _, s := range m.starts {
		if value := of.of(s, m.windows[s.key()]); finite(value) {
			sample = append(sample, value)
		}
	}
	return sample
}
