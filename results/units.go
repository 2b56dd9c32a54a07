package results

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// FormatSize writes a number of bytes in the largest binary unit that keeps it readable:
// "64 B", "64 KiB", "1.5 MiB", "100 MiB".
func FormatSize(bytes float64) string {
	if !finite(bytes) {
		return ""
	}
	s := scaleOf(bytes, sizeScale)
	return trimZeros(s.digits(bytes)) + " " + s.name
}

// FormatDuration writes nanoseconds with three significant digits: "137 ns", "12.8 ms".
func FormatDuration(ns float64) string { return format(ns, durationScale) }

// FormatRate writes bytes a second in decimal units: "6.81 GB/s".
func FormatRate(bytesPerSecond float64) string { return format(bytesPerSecond, rateScale) }

type unit struct {
	name   string
	factor float64
}

var (
	sizeScale     = []unit{{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}
	durationScale = []unit{{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}}
	rateScale     = []unit{{"B/s", 1}, {"kB/s", 1e3}, {"MB/s", 1e6}, {"GB/s", 1e9}, {"TB/s", 1e12}}
)

// scaleOf chooses the largest unit of which there is at least one, after rounding.
func scaleOf(value float64, units []unit) unit {
	chosen := units[0]
	for _, u := range units[1:] {
		if math.Abs(value) < u.factor*0.9995 {
			break
		}
		chosen = u
	}
	return chosen
}

func format(value float64, units []unit) string {
	if !finite(value) {
		return ""
	}
	u := scaleOf(value, units)
	return u.digits(value) + " " + u.name
}

// digits has three significant digits, or all before the point, and no decimals of whole numbers of the base unit.
func (u unit) digits(value float64) string {
	scaled := value / u.factor
	decimals := 2
	switch magnitude := math.Abs(scaled); {
	case magnitude >= 99.95 || u.factor == 1 && scaled == math.Trunc(scaled):
		decimals = 0
	case magnitude >= 9.995:
		decimals = 1
	}
	return strconv.FormatFloat(scaled, 'f', decimals, 64)
}

func trimZeros(number string) string {
	if !strings.Contains(number, ".") {
		return number
	}
	return strings.TrimRight(strings.TrimRight(number, "0"), ".")
}

func finite(value float64) bool { return !math.IsNaN(value) && !math.IsInf(value, 0) }

// FormatInterval writes a number and its interval, if it has one, in one unit:
// "12.8 [12.6, 13.1] ms".
func FormatInterval(center, lo, hi float64) string {
	if !finite(center) || !finite(lo) || !finite(hi) {
		return FormatDuration(center)
	}
	u := scaleOf(center, durationScale)
	return fmt.Sprintf("%s [%s, %s] %s", u.digits(center), u.digits(lo), u.digits(hi), u.name)
}

// FormatSum writes two durations in the unit of the larger: "3.10 + 12.4 ms".
func FormatSum(a, b float64) string {
	if !finite(a) || !finite(b) {
		return ""
	}
	u := scaleOf(math.Max(a, b), durationScale)
	return fmt.Sprintf("%s + %s %s", u.digits(a), u.digits(b), u.name)
}
