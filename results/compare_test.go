package results_test

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"

	"rrbench/results"
	"rrbench/results/resultstest"
)

// started makes the trials of one cell, one a start with the latency given.
func started(latencies ...int64) []results.Trial {
	trial := resultsOf("user/copy")[1]
	trial.First, trial.Consumed = false, 1
	var trials []results.Trial
	for i, latency := range latencies {
		trial.Start, trial.Block, trial.Rep, trial.Latency = i, i, i, latency
		trials = append(trials, trial)
	}
	return trials
}

func measured(trials []results.Trial) []*results.Measured {
	return results.MeasuredCells(trials, resultstest.Windows(trials))
}

func TestCompare(t *testing.T) {
	base := []int64{1000, 1010, 990, 1005, 995, 1002}
	for name, test := range map[string]struct {
		other     []int64
		threshold float64
		want      results.Answer
	}{
		"much slower":            {[]int64{2000, 2020, 1980, 2010, 1990, 2004}, 1.05, results.Changed},
		"much faster":            {[]int64{500, 505, 495, 502, 498, 501}, 1.05, results.Changed},
		"alike":                  {[]int64{1001, 1009, 991, 1004, 996, 1003}, 1.05, results.Same},
		"alike, no threshold":    {[]int64{1001, 1009, 991, 1004, 996, 1003}, 1, results.Undecided},
		"within the threshold":   {[]int64{1030, 1040, 1020, 1035, 1025, 1032}, 1.1, results.Same},
		"beyond 1, not surely":   {[]int64{1090, 1120, 1080, 1130, 1070, 1110}, 1.1, results.Undecided},
		"varies":                 {[]int64{500, 2000, 700, 1500, 900, 1200}, 1.05, results.Undecided},
		"two starts":             {[]int64{2000, 2020}, 1.05, results.Undecided},
		"no variation, the same": {[]int64{1000, 1010, 990, 1005, 995, 1002}, 1.05, results.Same},
	} {
		t.Run(name, func(t *testing.T) {
			pairs := results.PairRuns(measured(started(base...)), measured(started(test.other...)), "before")
			got := results.Compare(pairs, test.threshold)
			if len(got) != 1 || got[0].Answer != test.want {
				t.Fatalf("got %+v", got)
			}
			c := got[0]
			if want := c.LatencyMedian / c.BaseMedian; math.Abs(c.Ratio/want-1) > 1e-9 {
				t.Errorf("ratio %v, want %v", c.Ratio, want)
			}
			if few := len(test.other) < 3; math.IsNaN(c.Lo) != few || !few && !(c.Lo <= c.Ratio && c.Ratio <= c.Hi) {
				t.Errorf("interval [%v, %v] of %v", c.Lo, c.Hi, c.Ratio)
			}
			if mean := results.GeometricMean(got); math.Abs(mean/c.Ratio-1) > 1e-9 {
				t.Errorf("geometric mean %v of %v", mean, c.Ratio)
			}
		})
	}
}

func TestHolm(t *testing.T) {
	got := results.Holm([]float64{0.01, 0.04, 0.03, 0.005, 1})
	for i, want := range []float64{0.04, 0.09, 0.09, 0.025, 1} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("got %v", got)
		}
	}
	if len(results.Holm(nil)) != 0 {
		t.Error("something of nothing")
	}
}

// Cells are paired where they differ in the column alone.
func TestPairBy(t *testing.T) {
	plan := resultstest.Single()
	plan.Transports, plan.Engines, plan.Sizes = []string{"user/copy", "http/native", "limit/memcpy"}, []string{"wazero", "wasmtime"}, []int64{1 << 20, 10 << 20}
	cells := measured(resultstest.Trials(plan))
	for _, test := range []struct {
		column, base string
		pairs        int
		reference    string
	}{
		{"engine", "", 2, "wazero"},
		{"engine", "wasmtime", 2, "wasmtime"},
		{"codec", "", 2, "json"}, // http/native alone has several; user/copy's none is not comparable
		{"size_bytes", "1048576", 5, "1048576"},
		// Both engines and the limit with each codec; an engine that one side lacks is no difference.
		{"transport", "http/native", 2 * (2*2 + 2), "http/native native json"},
		{"transport", "user/copy", 2 * (2*2 + 2), "user/copy wazero none"},
	} {
		pairs, err := results.PairBy(cells, test.column, test.base)
		if err != nil || len(pairs) != test.pairs {
			t.Errorf("by %s: %d pairs, %v", test.column, len(pairs), err)
			continue
		}
		if pairs[0].Reference != test.reference {
			t.Errorf("by %s: reference %q", test.column, pairs[0].Reference)
		}
	}
	// A heap is compared with a buffer where there is no other.
	for i, m := range cells {
		if m.Transport == "http/native" {
			heap := *m
			heap.Origin = "heap"
			cells[i] = &heap
		}
	}
	if pairs, err := results.PairBy(cells, "transport", "user/copy"); err != nil || len(pairs) != 2*(2*2+2) {
		t.Errorf("%d pairs, %v", len(pairs), err)
	}
	if _, err := results.PairBy(cells, "colour", ""); err == nil || !strings.Contains(err.Error(), `unknown column "colour"; known are experiment, transport`) {
		t.Errorf("got %v", err)
	}
	if _, err := results.PairBy(cells, "engine", "v8"); err == nil || !strings.Contains(err.Error(), `no cell has engine "v8"`) {
		t.Errorf("got %v", err)
	}
}

func TestBenchfmt(t *testing.T) {
	plan := resultstest.Single()
	plan.Starts, plan.Rounds = 3, 6
	var out bytes.Buffer
	if err := results.WriteBenchfmt(&out, measured(resultstest.Trials(plan)), "run: here"); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if lines[0] != "run: here" || lines[1] != "Unit B/s better=higher" || len(lines) != 2+2*3 {
		t.Fatalf("got\n%s", out.String())
	}
	form := regexp.MustCompile(`^BenchmarkHandOff/experiment=sweep/transport=[a-z:]+/engine=[a-z]+/codec=none/placement=intra/size_bytes=1048576\S* 2( [0-9.]+ [a-zA-Z/-]+){6}$`)
	for _, line := range lines[2:] {
		if !form.MatchString(line) {
			t.Errorf("got %q", line)
		}
	}
}

func TestJSON(t *testing.T) {
	summaries := resultstest.Summarize(resultsOf("user/copy", "limit/memcpy"))
	summaries[0].Reason = "a \"quoted\"\nreason"
	var out bytes.Buffer
	if err := results.WriteJSON(&out, summaries); err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	if len(rows) != 2 || rows[0]["transport"] != "user/copy" || rows[0]["reason"] != `a "quoted" reason` || rows[1]["size_bytes"] != float64(1<<20) {
		t.Errorf("got %v", rows)
	}
	if _, there := rows[0]["offered_ops_per_s"]; there {
		t.Error("a number that is not there")
	}
	if latency, _ := rows[0]["latency_median_ns"].(float64); math.Abs(latency/summaries[0].LatencyMedian-1) > 1e-3 {
		t.Errorf("latency %v, want %v", latency, summaries[0].LatencyMedian)
	}
}
