package results

import (
	"cmp"
	"math"
	"slices"

	moremath "github.com/aclements/go-moremath/stats"
	"github.com/montanaflynn/stats"
)

// outlierScore is the number of scaled median absolute deviations from which on a value
// counts as an outlier (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993).
const outlierScore = 3.5

// madToSigma scales a median absolute deviation to the standard deviation of a normal
// distribution.
const madToSigma = 1.4826

// The following return NaN for no values, beside an error.

func median(values []float64) float64 {
	result, _ := stats.Median(values)
	return result
}

func mean(values []float64) float64 {
	result, _ := stats.Mean(values)
	return result
}

func maximum(values []float64) float64 {
	result, _ := stats.Max(values)
	return result
}

// outliers counts the values that lie more than outlierScore scaled median absolute
// deviations from the median. When more than half of the values are equal there is no such scale
// and none counts.
func outliers(values []float64) int {
	deviation, err := stats.MedianAbsoluteDeviation(values)
	if err != nil || !(deviation > 0) {
		return 0
	}
	center, count := median(values), 0
	for _, value := range values {
		if math.Abs(value-center) > outlierScore*madToSigma*deviation {
			count++
		}
	}
	return count
}

// MinimumStarts is the number of starts below which notes and tables mark a cell: its interval
// is wide.
const MinimumStarts = 6

// leastForInterval is the number of starts from which on a cell has an interval.
const leastForInterval = 3

// confidence is the level of every interval, normal its two-sided quantile of the normal
// distribution.
const (
	confidence = 0.95
	normal     = 1.959964
)

// overStarts returns the geometric mean of values, one a start, and Student's interval on their
// logarithms, NaN below leastForInterval. Where one of them is not positive, as a phase that a
// transport does not have, it is the median without an interval.
func overStarts(values []float64) (point, lo, hi float64) {
	lo, hi = math.NaN(), math.NaN()
	logs, ok := logarithms(values)
	switch {
	case !ok:
		return median(values), lo, hi
	case len(logs) < leastForInterval:
		return math.Exp(moremath.Mean(logs)), lo, hi
	}
	point, lo, hi = moremath.MeanCI(logs, confidence)
	return math.Exp(point), math.Exp(lo), math.Exp(hi)
}

// ratioOfStarts returns the geometric mean of a over that of b, and Welch's interval on the
// logarithms, which does not assume that both vary alike. The interval is NaN where a or b has
// too few, the ratio where one of them is not positive.
func ratioOfStarts(a, b []float64) (ratio, lo, hi float64) {
	w := welchOf(a, b)
	width := w.error * w.quantile((1+confidence)/2)
	return math.Exp(w.difference), math.Exp(w.difference - width), math.Exp(w.difference + width)
}

// A welch is the difference of two samples' mean logarithms, its standard error and the degrees
// of freedom of Student's distribution (Welch, The generalization of Student's problem, 1947).
type welch struct{ difference, error, freedom float64 }

func welchOf(a, b []float64) welch {
	x, okX := logarithms(a)
	y, okY := logarithms(b)
	w := welch{math.NaN(), math.NaN(), math.NaN()}
	if !okX || !okY {
		return w
	}
	w.difference = moremath.Mean(x) - moremath.Mean(y)
	if min(len(x), len(y)) < leastForInterval {
		return w
	}
	u, v := moremath.Variance(x)/float64(len(x)), moremath.Variance(y)/float64(len(y))
	w.error = math.Sqrt(u + v)
	w.freedom = (u + v) * (u + v) / (u*u/float64(len(x)-1) + v*v/float64(len(y)-1))
	return w
}

// quantile is Student's, and 0 for samples that do not vary or are too few.
func (w welch) quantile(p float64) float64 {
	if !(w.error > 0) {
		return 0
	}
	return moremath.InvCDF(moremath.TDist{V: w.freedom})(p)
}

// beyond is the probability, two-sided, of a difference as large as this one if the true one is no
// larger than a threshold.
func (w welch) beyond(threshold float64) float64 {
	excess := math.Abs(w.difference) - threshold
	switch {
	case math.IsNaN(w.error), excess <= 0:
		return 1
	case w.error == 0:
		return 0
	}
	return 2 * moremath.TDist{V: w.freedom}.CDF(-excess/w.error)
}

// holm adjusts the probabilities of a family of tests (Holm, A simple sequentially rejective
// multiple test procedure, 1979).
func holm(probabilities []float64) []float64 {
	order := make([]int, len(probabilities))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(probabilities[a], probabilities[b]) })
	adjusted, largest := make([]float64, len(probabilities)), 0.0
	for rank, i := range order {
		largest = max(largest, min(float64(len(order)-rank)*probabilities[i], 1))
		adjusted[i] = largest
	}
	return adjusted
}

func logarithms(values []float64) (logs []float64, positive bool) {
	for _, value := range values {
		if !(value > 0) {
			return nil, false
		}
		logs = append(logs, math.Log(value))
	}
	return logs, len(logs) > 0
}

// wilson returns the interval of a share of which n samples were seen (Wilson, Probable
// Inference, 1927), NaN without samples.
func wilson(share, n float64) (lo, hi float64) {
	if !(n > 0) {
		return math.NaN(), math.NaN()
	}
	z := normal * normal / n
	center, half := share+z/2, normal*math.Sqrt(share*(1-share)/n+z/n/4)
	lo, hi = (center-half)/(1+z), (center+half)/(1+z)
	// Rounding must not take either beyond its bound, or to the wrong side.
	switch share {
	case 0:
		lo = 0
	case 1:
		hi = 1
	}
	return max(lo, 0), min(hi, 1)
}
