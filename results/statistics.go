package results

import (
	"math"
	"slices"

	"github.com/montanaflynn/stats"
	"golang.org/x/perf/benchmath"
)

// outlierScore is the number of scaled median absolute deviations from which on a value
// counts as an outlier (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993).
const outlierScore = 3.5

// madToSigma scales a median absolute deviation to the standard deviation of a normal
// distribution.
const madToSigma = 1.4826

// The following return NaN for no values.

func median(values []float64) float64 {
	result, err := stats.Median(values)
	return orNaN(result, err)
}

func percentile(values []float64, percent float64) float64 {
	result, err := stats.Percentile(values, percent)
	return orNaN(result, err)
}

func mean(values []float64) float64 {
	result, err := stats.Mean(values)
	return orNaN(result, err)
}

func maximum(values []float64) float64 {
	result, err := stats.Max(values)
	return orNaN(result, err)
}

func orNaN(result float64, err error) float64 {
	if err != nil {
		return math.NaN()
	}
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

// Interval returns the median of independent samples and its 95 % confidence interval by
// order statistics. With fewer than MinimumRounds samples the interval is the smallest to
// the largest, which is less than 95 %. No samples give NaN.
func Interval(samples []float64) (center, lo, hi float64) {
	lo, hi = interval(samples)
	return median(samples), lo, hi
}

func interval(samples []float64) (lo, hi float64) {
	if len(samples) == 0 {
		return math.NaN(), math.NaN()
	}
	sample := benchmath.NewSample(slices.Clone(samples), &benchmath.DefaultThresholds)
	summary := benchmath.AssumeNothing.Summary(sample, 0.95)
	lo, hi = summary.Lo, summary.Hi
	if math.IsInf(lo, 0) || math.IsInf(hi, 0) {
		return sample.Values[0], sample.Values[len(sample.Values)-1]
	}
	return lo, hi
}
