package plots

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
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

func sizeLabel(bytes float64) string  { return results.FormatSize(bytes) }
func durationLabel(ns float64) string { return compact(results.FormatDuration(ns)) }

func rateLabel(rate float64) string { return compact(results.FormatRate(rate)) }

// These are of numbers around 1.
func cpuLabel(ns float64) string        { return shareLabel(ns) + " ns" }
func factorLabel(factor float64) string { return shareLabel(factor) + " ×" }
func shareLabel(share float64) string   { return strconv.FormatFloat(share, 'g', 3, 64) }
func percentLabel(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

// decades marks a logarithmic axis at powers of ten, where it is short at 1, 2 and 5 of each.
func decades(label func(float64) string, apart float64) plot.TickerFunc {
	return func(low, high float64) []plot.Tick {
		var ticks []plot.Tick
		for decade := math.Pow10(int(math.Floor(math.Log10(low)))); decade <= high; decade *= 10 {
			for digit := 1.0; digit <= 9; digit++ {
				tick := plot.Tick{Value: digit * decade}
				if digit == 1 || high/low < 100 && (digit == 2 || digit == 5) {
					tick.Label = label(tick.Value)
				}
				ticks = append(ticks, tick)
			}
		}
		return thin(ticks, low, high, apart)
	}
}

// at marks a logarithmic axis at the values that occur.
func at[Number int64 | float64](values []Number, label func(float64) string, apart float64) plot.TickerFunc {
	return func(low, high float64) []plot.Tick {
		var ticks []plot.Tick
		for _, value := range values {
			ticks = append(ticks, plot.Tick{Value: float64(value), Label: label(float64(value))})
		}
		return thin(ticks, low, high, apart)
	}
}

// thin leaves out the ticks that are not on a logarithmic axis, and takes labels away until
// none stands closer to another than a share of the axis. Powers of ten keep theirs first,
// and large values before small ones.
func thin(ticks []plot.Tick, low, high, apart float64) []plot.Tick {
	ticks = slices.DeleteFunc(ticks, func(tick plot.Tick) bool { return tick.Value < low || tick.Value > high })
	var kept []float64
	for _, powers := range []bool{true, false} {
		for i := range slices.Backward(ticks) {
			number, _, _ := strings.Cut(ticks[i].Label, " ")
			if number == "" || powers != (strings.Trim(number, "10") == "") {
				continue
			}
			place := plot.LogScale{}.Normalize(low, high, ticks[i].Value)
			if slices.ContainsFunc(kept, func(other float64) bool { return math.Abs(other-place) < apart }) {
				ticks[i].Label = ""
			} else {
				kept = append(kept, place)
			}
		}
	}
	return ticks
}

// rounded marks a linear axis from zero to a value at round numbers of a unit.
func rounded(largest, unit float64, label func(float64) string) plot.ConstantTicks {
	ticks := plot.ConstantTicks{{Label: "0"}}
	for _, tick := range (plot.DefaultTicks{}).Ticks(0, largest/unit) {
		if value := tick.Value * unit; value > 0 && !tick.IsMinor() {
			ticks = append(ticks, plot.Tick{Value: value, Label: label(value)})
		}
	}
	return ticks
}

// memoryLabel writes bytes in decimal units, as an axis with decades does.
func memoryLabel(bytes float64) string { return compact(humanize.Bytes(uint64(bytes))) }

func plainLabel(value float64) string {
	scaled, prefix := humanize.ComputeSI(value)
	if value < 1 {
		scaled, prefix = value, ""
	}
	return strconv.FormatFloat(scaled, 'g', 3, 64) + prefix
}
