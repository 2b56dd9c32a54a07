package sweep

import (
	"math"
	"testing"
	"time"
)

// However wrong the estimates of single cells are, the forecast is right after two visits of each cell.
func TestForecast(t *testing.T) {
	plan := planFor(t, Config{Axes: Axes{Transports: []string{"user/copy", "kernel/stream"}, Engines: []string{"wazero"}, Sizes: []Size{1000, 10 << 20}, Starts: 10, Rounds: 1}})
	for i := range plan.Cells {
		if i%2 == 0 {
			plan.Cells[i].Starts = 4 // the slow cells end sooner
		}
	}
	visits := plan.Schedule()
	takes := func(v Visit) time.Duration { return time.Duration(1+100*((v.Cell+1)%2)) * time.Second }
	var left time.Duration
	for _, v := range visits {
		left += takes(v)
	}
	f := newForecast(plan, nil, visits)
	for _, v := range visits {
		if ratio := f.left().Seconds() / left.Seconds(); v.Block >= 2 && math.Abs(math.Log(ratio)) > math.Log(4./3) {
			t.Fatalf("block %d: %v left, forecast %v", v.Block, left, f.left())
		}
		f.took(v, takes(v))
		left -= takes(v)
	}
	if f.left() != 0 {
		t.Errorf("%v left in the end", f.left())
	}
	f.expect(0, startsMissing(2, 4))
	if got := f.left().Round(time.Second); got != 12*takes(Visit{}) {
		t.Errorf("an interval twice as wide as asked for, of 4 starts, takes %v", got)
	}
	if n := startsMissing(math.NaN(), 1); n != 2 {
		t.Errorf("one start lacks %d for an interval", n)
	}
}
