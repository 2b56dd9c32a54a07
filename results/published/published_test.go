package published_test

import (
	"math"
	"testing"

	"rrbench/results/published"
)

func TestValues(t *testing.T) {
	if rows := len(published.Roadrunner()) + len(published.CWASI()); rows != 2044+676 {
		t.Errorf("%d rows", rows)
	}
	for _, v := range published.CWASI() {
		if math.IsNaN(v.Value) || !math.IsNaN(v.Other) || v.Source == "" {
			t.Errorf("%+v", v)
		}
	}
	flags := make(map[string]int)
	for _, v := range published.Roadrunner() {
		flags[v.Flag]++
		if math.IsNaN(v.Value) {
			t.Errorf("%+v has no value", v)
		}
		if other := !math.IsNaN(v.Other); other != (v.Flag != "" && v.Flag != "derived") {
			t.Errorf("%+v", v)
		}
		if v.Source == "" {
			t.Errorf("%+v has no source", v)
		}
	}
	if flags["log-differs"] != 47 || flags["self-contradiction"] != 30 || flags["outliers-dropped"] != 16 || flags["derived"] != 6 {
		t.Errorf("flags %v", flags)
	}
	kernel := published.Of(published.Roadrunner(), "sequential", "intra-node", "total_latency")
	for _, v := range kernel {
		if v.System == "roadrunner-kernel" && v.At() == 1 && (v.Value != 0.1728 || v.Other != 0.004231) {
			t.Errorf("%+v", v)
		}
	}
	if len(kernel) != 4*14 {
		t.Errorf("%d values", len(kernel))
	}
}
