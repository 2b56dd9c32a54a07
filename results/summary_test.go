package results_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"rrbench/results"
	"rrbench/results/resultstest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got\n%s", name, got)
	}
}

func resultsOf(transports ...string) []results.Trial {
	plan := resultstest.Single()
	plan.Transports = transports
	trials := resultstest.Trials(plan)
	for i := range trials {
		trials[i].CellIndex += 1000
	}
	return trials
}

func TestSummaryOfFixedTrials(t *testing.T) {
	file, err := os.Open("testdata/trials.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	trials, err := results.ReadTrials(file)
	if err != nil {
		t.Fatal(err)
	}
	var csv, table bytes.Buffer
	summaries := results.Summarize(trials)
	if err := results.WriteSummaries(&csv, summaries); err != nil {
		t.Fatal(err)
	}
	golden(t, "summary.csv", csv.Bytes())
	if err := results.WriteTable(&table, summaries, transports); err != nil {
		t.Fatal(err)
	}
	golden(t, "table.txt", table.Bytes())

	read, err := results.ReadSummaries(bytes.NewReader(csv.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := results.WriteSummaries(&again, read); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(csv.Bytes(), again.Bytes()) {
		t.Errorf("summary.csv changes when it is read and written:\n%s\n%s", csv.Bytes(), again.Bytes())
	}
}

// rows makes trials of one cell: a round for each list, a target for each latency.
func rows(rounds ...[]int64) []results.Trial {
	var trials []results.Trial
	for rep, latencies := range rounds {
		for target, latency := range latencies {
			trials = append(trials, results.Trial{
				Point: results.Point{Cell: results.Cell{Transport: "user/copy", Engine: "wazero", SizeBytes: 1000, Fanout: len(latencies), Concurrency: 1}},
				Rep:   rep, Target: target, Status: results.OK, Clock: "shared",
				T0: int64(rep) * 1e9, Latency: latency, Consumed: 2 * latency, Transfer: latency,
				CPUUser: latency / 2, RSSPeak: latency * 10,
			})
		}
	}
	return trials
}

func TestSummarizeOneTrial(t *testing.T) {
	s := results.Summarize(rows([]int64{500}))[0]
	want := []float64{500, 500, 500, 500, 500, 1000, 2e6, 2e9, 250, 5000}
	got := []float64{s.LatencyMedian, s.LatencyLo, s.LatencyHi, s.LatencyP90, s.LatencyP99, s.ConsumedMedian, s.OpsPerSecond, s.BytesPerSecond, s.CPUUser, s.RSSPeak}
	if s.N != 1 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if warnings := results.Warnings([]results.Summary{s}); len(warnings) != 1 || !strings.Contains(warnings[0], "fewer than 6 rounds") {
		t.Errorf("warnings %q", warnings)
	}
}

func TestSummarizeInterval(t *testing.T) {
	for _, test := range []struct {
		latencies      []int64
		median, lo, hi float64
	}{
		// The table of binomial order statistics: 5 values cannot give 95 %, 6 give their
		// extremes (96.9 %), 9 the second and the eighth (96.1 %).
		{[]int64{5, 1, 4, 2, 3}, 3, 1, 5},
		{[]int64{6, 1, 5, 2, 4, 3}, 3.5, 1, 6},
		{[]int64{9, 1, 8, 2, 7, 3, 6, 4, 5}, 5, 2, 8},
	} {
		rounds := make([][]int64, len(test.latencies))
		for i, latency := range test.latencies {
			rounds[i] = []int64{latency}
		}
		s := results.Summarize(rows(rounds...))[0]
		if s.LatencyMedian != test.median || s.LatencyLo != test.lo || s.LatencyHi != test.hi {
			t.Errorf("%v: %v [%v, %v]", test.latencies, s.LatencyMedian, s.LatencyLo, s.LatencyHi)
		}
	}
}

func TestSummarizeFanout(t *testing.T) {
	// Three rounds of two targets: the slower target ends the round.
	s := results.Summarize(rows([]int64{100, 200}, []int64{100, 400}, []int64{100, 1000}))[0]
	if s.N != 3 || s.LatencyMedian != 150 || s.OpsPerSecond != 2/400e-9 || s.BytesPerSecond != 1000*2/400e-9 {
		t.Errorf("n %d, median %v, %v ops/s", s.N, s.LatencyMedian, s.OpsPerSecond)
	}
	// The interval is over rounds, whose medians are 150, 250 and 550.
	if s.LatencyLo != 150 || s.LatencyHi != 550 {
		t.Errorf("interval [%v, %v]", s.LatencyLo, s.LatencyHi)
	}
}

func TestSummarizeConcurrency(t *testing.T) {
	trials := rows([]int64{100}, []int64{100})
	trials[1].Rep, trials[1].Worker, trials[1].T0 = 0, 1, 50
	for i := range trials {
		trials[i].Concurrency = 2
	}
	s := results.Summarize(trials)[0]
	if s.N != 1 || math.Abs(s.OpsPerSecond-2/150e-9) > 1e-3 {
		t.Errorf("n %d, %v ops/s", s.N, s.OpsPerSecond)
	}
}

func TestSummarizeFailure(t *testing.T) {
	trials := rows([]int64{100, 100}, []int64{300, 9}, []int64{100, 100}, []int64{7})
	trials[3].Status, trials[3].Reason = results.Failed, "digest differs"
	trials[6].Fanout = 2 // a round of which the second row was never written
	s := results.Summarize(trials)[0]
	if s.Status != results.Failed || s.Reason != "digest differs" || s.N != 2 || s.LatencyMedian != 100 {
		t.Errorf("got %+v", s)
	}
}

func TestSummarizeWithoutNumbers(t *testing.T) {
	for _, status := range []results.Status{results.Skipped, results.Failed} {
		trials := rows([]int64{0}, []int64{0})
		for i := range trials {
			trials[i].Status, trials[i].Reason = status, fmt.Sprint("reason ", i)
		}
		s := results.Summarize(trials)[0]
		if s.Status != status || s.Reason != "reason 0" || s.N != 0 {
			t.Errorf("got %+v", s)
		}
		var csv bytes.Buffer
		if err := results.WriteSummaries(&csv, []results.Summary{s}); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(",user/copy,wazero,,,1000,1,1,%s,reason 0,0%s\n", status, strings.Repeat(",", 19))
		if _, row, _ := strings.Cut(csv.String(), "\n"); row != want {
			t.Errorf("got %q, want %q", row, want)
		}
	}
}

func TestSummarizeZeroLatency(t *testing.T) {
	s := results.Summarize(rows([]int64{0}, []int64{0}, []int64{0}))[0]
	if s.LatencyMedian != 0 || !math.IsNaN(s.OpsPerSecond) || s.Outliers != 0 {
		t.Errorf("got %+v", s)
	}
}

func TestSummarizeMarksOutliers(t *testing.T) {
	s := results.Summarize(rows([]int64{100}, []int64{101}, []int64{99}, []int64{102}, []int64{98}, []int64{500}, []int64{103}))[0]
	if s.Outliers != 1 || s.N != 7 || s.RSSPeak != 5000 {
		t.Errorf("got %+v", s)
	}
}

func TestReadSummariesNamesTheDamage(t *testing.T) {
	var csv bytes.Buffer
	if err := results.WriteSummaries(&csv, results.Summarize(rows([]int64{5}))); err != nil {
		t.Fatal(err)
	}
	for text, message := range map[string]string{
		"":      "header missing",
		"a,b\n": "columns missing",
		strings.Replace(csv.String(), ",ok,", ",good,", 1): "line 2: column status",
		csv.String() + "x\n": "line 3: 1 fields",
	} {
		if _, err := results.ReadSummaries(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("got %v, want %s", err, message)
		}
	}
}

func FuzzReadSummaries(f *testing.F) {
	var csv bytes.Buffer
	if err := results.WriteSummaries(&csv, results.Summarize(rows([]int64{5}, []int64{7}))); err != nil {
		f.Fatal(err)
	}
	f.Add(csv.String())
	f.Fuzz(func(t *testing.T, text string) {
		summaries, err := results.ReadSummaries(strings.NewReader(text))
		if err != nil {
			return
		}
		if err := results.WriteTable(new(bytes.Buffer), summaries, nil); err != nil {
			t.Fatal(err)
		}
	})
}
