package plots

import (
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"

	"rrbench/results"
)

// compact drops the zeros after a number's point: "1.00 ms" becomes "1 ms".
func compact(text string) string {
	number, unit, found := strings.Cut(text, " ")
	if !found || !strings.Contains(number, ".") {
		return text
	}
	return strings.TrimRight(strings.TrimRight(number, "0"), ".") + " " + unit
}

func durationLabel(ns float64) string { return compact(results.FormatDuration(ns)) }
func rateLabel(rate float64) string   { return compact(results.FormatRate(rate)) }

// decades marks a logarithmic axis at powers of ten, at 1, 2 and 5 of each where the axis
// is short, and at some powers where it is long.
func decades(low, high float64, label func(float64) string) []plot.Tick {
	first, last := int(math.Floor(math.Log10(low))), int(math.Ceil(math.Log10(high)))
	span := math.Log10(high / low)
	every := 1 + int(span/9)
	var ticks []plot.Tick
	for exponent := first; exponent <= last; exponent++ {
		for digit := 1; digit <= 9; digit++ {
			value := float64(digit) * math.Pow10(exponent)
			if value < low*0.999 || value > high*1.001 {
				continue
			}
			major := digit == 1 && (exponent-first)%every == 0
			if span < 2 {
				major = digit == 1 || digit == 2 || digit == 5
			}
			tick := plot.Tick{Value: value}
			if major {
				tick.Label = label(value)
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// spaced marks a logarithmic axis at the values that occur, with as many labels as fit.
func spaced(values []float64, low, high, fraction float64, label func(float64) string) []plot.Tick {
	var ticks []plot.Tick
	for _, value := range values {
		if value >= low && value <= high {
			ticks = append(ticks, plot.Tick{Value: value, Label: label(value)})
		}
	}
	return thin(ticks, scale{bound: bound{low, high}, logarithmic: true}, fraction)
}

// thin takes labels away until none stands closer to another than a fraction of the axis.
// Powers of ten keep theirs first, then the ends, then other round values.
func thin(ticks []plot.Tick, axis scale, fraction float64) []plot.Tick {
	var labelled []int
	for i := range ticks {
		if ticks[i].Label != "" {
			labelled = append(labelled, i)
		}
	}
	byRank := slices.Clone(labelled)
	slices.SortStableFunc(byRank, func(a, b int) int {
		return rank(ticks[a].Label, a == labelled[0] || a == labelled[len(labelled)-1]) - rank(ticks[b].Label, b == labelled[0] || b == labelled[len(labelled)-1])
	})
	var kept []float64
	for _, i := range byRank {
		at := axis.at(ticks[i].Value)
		if slices.ContainsFunc(kept, func(other float64) bool { return math.Abs(other-at) < fraction }) {
			ticks[i].Label = ""
			continue
		}
		kept = append(kept, at)
	}
	return ticks
}

// rank orders labels by how much an axis needs them, the most needed first.
func rank(label string, end bool) int {
	number, _, _ := strings.Cut(label, " ")
	switch {
	case strings.Trim(number, "10") == "":
		return 0
	case end:
		return 1
	case strings.Trim(number[1:], "0") == "":
		return 2
	}
	return 3
}
