package results

import (
	"fmt"
	"math"
	"slices"
	"strings"
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

// Zero says that every start is zero, as a phase that a transport does not have.
func (s Sample) Zero() bool {
	return len(s) > 0 && !slices.ContainsFunc(s, func(value float64) bool { return value != 0 })
}

// A Measure is what a cell's starts can be compared by.
type Measure struct {
	// Column is its name: that of the column of summary.csv, or of a sum of columns.
	Column string
	// Unit is "ns", "bytes", "bytes/s", "hand-offs/s" or "share".
	Unit string
	// of is a start's number; the window may be nil.
	of func(rounds []Round, w *Window) float64
}

// ofRounds is a start's median over rounds, each the median over its hand-offs.
func ofRounds(of func(*Trial) int64) func([]Round, *Window) float64 {
	return func(rounds []Round, _ *Window) float64 {
		return starts{rounds}.medians(func(r *Round) float64 { return r.median(of) })[0]
	}
}

// ofHandoffs is a start's mean a hand-off.
func ofHandoffs(of func(*Trial) int64) func([]Round, *Window) float64 {
	return func(rounds []Round, _ *Window) float64 {
		var values []float64
		for i := range rounds {
			for _, row := range rounds[i].Rows {
				values = append(values, float64(of(row)))
			}
		}
		return mean(values)
	}
}

// ofPeaks is the largest of a start's rounds and its window.
func ofPeaks(of func(*Trial) int64, window func(*Window) int64) func([]Round, *Window) float64 {
	return func(rounds []Round, w *Window) float64 {
		var peak int64
		for i := range rounds {
			for _, row := range rounds[i].Rows {
				peak = max(peak, of(row))
			}
		}
		if w != nil {
			peak = max(peak, window(w))
		}
		return float64(peak)
	}
}

func ofWindow(of func(*Window) float64) func([]Round, *Window) float64 {
	return func(_ []Round, w *Window) float64 {
		if w == nil || w.Ns <= 0 {
			return math.NaN()
		}
		return of(w)
	}
}

var measures = []Measure{
	{"latency_median_ns", "ns", ofRounds(latencyOf)},
	{"consumed_median_ns", "ns", ofRounds(func(t *Trial) int64 { return t.Consumed })},
	{"cycle_median_ns", "ns", ofRounds(func(t *Trial) int64 { return t.Cycle })},
	{"makespan_median_ns", "ns", func(rounds []Round, _ *Window) float64 {
		return starts{rounds}.medians(func(r *Round) float64 { return float64(r.Makespan()) })[0]
	}},
	{"serialize_median_ns", "ns", ofRounds(func(t *Trial) int64 { return t.Serialize })},
	{"copy_out_median_ns", "ns", ofRounds(func(t *Trial) int64 { return t.CopyOut })},
	{"transfer_median_ns", "ns", ofRounds(func(t *Trial) int64 { return t.Transfer })},
	{"copy_in_median_ns", "ns", ofRounds(func(t *Trial) int64 { return t.CopyIn })},
	{"deserialize_median_ns", "ns", ofRounds(func(t *Trial) int64 { return t.Deserialize })},
	{"serialization_median_ns", "ns", ofRounds(func(t *Trial) int64 { return t.Serialize + t.Deserialize })},
	{"vm_io_median_ns", "ns", ofRounds(func(t *Trial) int64 { return t.CopyOut + t.CopyIn })},
	{"serialization_share", "share", func(rounds []Round, w *Window) float64 {
		return ofRounds(func(t *Trial) int64 { return t.Serialize + t.Deserialize })(rounds, w) / ofRounds(latencyOf)(rounds, w)
	}},
	{"throughput_ops_per_s", "hand-offs/s", ofWindow(func(w *Window) float64 { return float64(w.OK) / float64(w.Ns) * 1e9 })},
	{"throughput_bytes_per_s", "bytes/s", ofWindow(func(w *Window) float64 { return float64(w.Bytes) / float64(w.Ns) * 1e9 })},
	{"cpu_user_ns_per_op", "ns", ofHandoffs(func(t *Trial) int64 { return t.CPUUser })},
	{"cpu_kernel_ns_per_op", "ns", ofHandoffs(func(t *Trial) int64 { return t.CPUKernel })},
	{"cpu_ns_per_op", "ns", ofHandoffs(func(t *Trial) int64 { return t.CPUUser + t.CPUKernel })},
	{"rss_peak_bytes", "bytes", ofPeaks(func(t *Trial) int64 { return t.RSSPeak }, func(w *Window) int64 { return w.RSSPeak })},
	{"pss_peak_bytes", "bytes", ofPeaks(func(t *Trial) int64 { return t.PSSPeak }, func(w *Window) int64 { return w.PSSPeak })},
}

// Measures are all that there are. Three are of no column: serialization_median_ns is that of
// serialize and deserialize together, serialization_share its part of the latency, and
// vm_io_median_ns that of copy_out and copy_in, which the Roadrunner paper calls Wasm VM I/O;
// cpu_ns_per_op is user and kernel time together.
func Measures() []Measure { return measures }

// MeasureOf finds a measure by its column.
func MeasureOf(column string) (Measure, error) {
	var known []string
	for _, m := range measures {
		if m.Column == column {
			return m, nil
		}
		known = append(known, m.Column)
	}
	return Measure{}, fmt.Errorf("unknown column %q; known are %s", column, strings.Join(known, ", "))
}

// Measured is what the starts of one cell have left.
type Measured struct {
	Point
	starts  starts
	windows map[startKey]*Window
}

// MeasuredCells gathers what trials and windows tell of each cell with a whole round, in the order
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
		ok[c.Summaries[i].point()] = c.Summaries[i].Status == OK
	}
	return slices.DeleteFunc(MeasuredCells(c.Trials, c.Windows), func(m *Measured) bool { return !ok[m.Point] })
}

// PayloadBytes is the length of what its first row was about.
func (m *Measured) PayloadBytes() int64 { return m.starts[0][0].Rows[0].PayloadBytes }

// Starts counts them.
func (m *Measured) Starts() int { return len(m.starts) }

// Sample is a measure, one number a start; starts that do not have it are left out.
func (m *Measured) Sample(of Measure) (sample Sample) {
	for _, rounds := range m.starts {
		if value := of.of(rounds, m.windows[startKey{rounds[0].Block, rounds[0].Start}]); finite(value) {
			sample = append(sample, value)
		}
	}
	return sample
}
