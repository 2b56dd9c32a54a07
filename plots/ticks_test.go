package plots

import (
	"math"
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
	paper := []float64{1, 2, 4, 6, 8, 10, 20, 40, 60, 100, 200, 300, 400, 500}
	for i := range paper {
		paper[i] *= 1 << 20
	}
	for name, test := range map[string]struct{ got, want string }{
		"decades":        {labels(decades(9e3, 4e8, durationLabel)), "10 µs | 100 µs | 1 ms | 10 ms | 100 ms"},
		"short decades":  {labels(decades(1.5e6, 13e6, durationLabel)), "2 ms | 5 ms | 10 ms"},
		"many decades":   {labels(decades(1, 1e12, durationLabel)), "1 ns | 100 ns | 10 µs | 1 ms | 100 ms | 10 s | 1000 s"},
		"sizes":          {labels(spaced([]float64{65536, 1 << 20, 100 << 20}, 60000, 110<<20, 0.15, sizeLabel)), "64 KiB | 1 MiB | 100 MiB"},
		"paper's sizes":  {labels(spaced(paper, 0.8*(1<<20), 600*(1<<20), 0.15, sizeLabel)), "1 MiB | 10 MiB | 100 MiB | 500 MiB"},
		"sizes outside":  {labels(spaced([]float64{0, 1024, 1 << 30}, 512, 2048, 0.15, sizeLabel)), "1 KiB"},
		"linear":         {labels(linear(609e3, 1, durationLabel).ticks), "0 | 200 µs | 400 µs | 600 µs"},
		"linear, halves": {labels(linear(1.2e6, 1, durationLabel).ticks), "0 | 500 µs | 1 ms"},
		"linear, binary": {labels(linear(261*(1<<20), 1<<20, sizeLabel).ticks), "0 | 100 MiB | 200 MiB"},
	} {
		if test.got != test.want {
			t.Errorf("%s: %s, want %s", name, test.got, test.want)
		}
	}
}

func TestEveryAxisHasALabel(t *testing.T) {
	for _, ratio := range []float64{1, 1.01, 1.3, 2, 3, 7, 40, 1e4} {
		for start := 1.0; start < 10; start *= 1.1 {
			b := nothing()
			b.include(start, start*ratio, math.NaN(), 0, -1, math.Inf(1))
			b = b.margins(0.04)
			if !(b.low < start) || !(b.high > start*ratio) {
				t.Fatalf("%v to %v is not within %+v", start, start*ratio, b)
			}
			if labels(decades(b.low, b.high, durationLabel)) == "" {
				t.Errorf("no label from %v to %v", b.low, b.high)
			}
		}
	}
	if b := nothing().margins(0.04); !(b.low < b.high) {
		t.Errorf("a bound of nothing is %+v", b)
	}
}

func TestRepresentativeSizes(t *testing.T) {
	for _, test := range []struct{ all, want []int64 }{
		{[]int64{5}, []int64{5}},
		{[]int64{1, 2, 3}, []int64{1, 2, 3}},
		{[]int64{1, 2, 10, 50, 100}, []int64{1, 10, 100}},
		{[]int64{1, 98, 99, 100}, []int64{1, 98, 100}},
	} {
		got := representative(test.all, 3)
		if len(got) != len(test.want) {
			t.Fatalf("%v of %v", got, test.all)
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("%v of %v, want %v", got, test.all, test.want)
			}
		}
	}
}
