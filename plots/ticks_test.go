package plots

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot"
)

func labels(ticks []plot.Tick) string {
	var all []string
	for _, tick := range ticks {
		if tick.Label != "" {
			all = append(all, tick.Label)
		}
	}
	return strings.Join(all, " | ")
}

func TestTicks(t *testing.T) {
	var paper []int64
	for _, size := range []int64{1, 2, 4, 6, 8, 10, 20, 40, 60, 100, 200, 300, 400, 500} {
		paper = append(paper, size<<20)
	}
	for name, test := range map[string]struct{ got, want string }{
		"decades":        {labels(decades(durationLabel, 0.08)(9e3, 4e8)), "10 µs | 100 µs | 1 ms | 10 ms | 100 ms"},
		"short decades":  {labels(decades(durationLabel, 0.08)(1.5e6, 13e6)), "2 ms | 5 ms | 10 ms"},
		"many decades":   {labels(decades(durationLabel, 0.1)(1, 1e12)), "1 ns | 100 ns | 10 µs | 1 ms | 100 ms | 10 s | 1000 s"},
		"sizes":          {labels(at([]int64{65536, 1 << 20, 100 << 20}, sizeLabel, 0.15)(60000, 110<<20)), "64 KiB | 1 MiB | 100 MiB"},
		"paper's sizes":  {labels(at(paper, sizeLabel, 0.15)(0.8*(1<<20), 600*(1<<20))), "1 MiB | 10 MiB | 100 MiB | 500 MiB"},
		"sizes outside":  {labels(at([]int64{0, 1024, 1 << 30}, sizeLabel, 0.15)(512, 2048)), "1 KiB"},
		"linear":         {labels(rounded(609e3, 1, durationLabel)), "0 | 300 µs | 600 µs"},
		"linear, halves": {labels(rounded(1.2e6, 1, durationLabel)), "0 | 500 µs | 1 ms"},
		"linear, binary": {labels(rounded(261*(1<<20), 1<<20, sizeLabel)), "0 | 250 MiB"},
	} {
		if test.got != test.want {
			t.Errorf("%s: %s, want %s", name, test.got, test.want)
		}
	}
}

func TestEveryAxisHasALabel(t *testing.T) {
	for _, ratio := range []float64{1, 1.01, 1.3, 2, 3, 7, 40, 1e4} {
		for start := 1.0; start < 10; start *= 1.1 {
			axis := plot.New().X
			logarithmic(&axis, []float64{start, start * ratio, math.NaN(), 0, -1, math.Inf(1)}, 0.04, decades(durationLabel, 0.08))
			if !(axis.Min < start) || !(axis.Max > start*ratio) {
				t.Fatalf("%v to %v is not within %v to %v", start, start*ratio, axis.Min, axis.Max)
			}
			if labels(axis.Tick.Marker.Ticks(axis.Min, axis.Max)) == "" {
				t.Errorf("no label from %v to %v", axis.Min, axis.Max)
			}
		}
	}
}

func TestRepresentativeSizes(t *testing.T) {
	for _, test := range []struct{ all, want []int64 }{
		{[]int64{5}, []int64{5}},
		{[]int64{1, 2, 3}, []int64{1, 2, 3}},
		{[]int64{1, 2, 10, 50, 100}, []int64{1, 10, 100}},
		{[]int64{1, 98, 99, 100}, []int64{1, 98, 100}},
	} {
		if got := representative(test.all); !slices.Equal(got, test.want) {
			t.Errorf("%v of %v, want %v", got, test.all, test.want)
		}
	}
}
