package results_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
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
	run, err := results.Open("testdata")
	if err != nil {
		t.Fatal(err)
	}
	found, err := run.Read()
	if err := errors.Join(err, found.Damage.Err()); err != nil {
		t.Fatal(err)
	}
	var csv, table bytes.Buffer
	summaries := found.Summaries
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

// rows makes trials of one cell: a start of one round for each list, a target for each latency.
func rows(rounds ...[]int64) []results.Trial {
	var trials []results.Trial
	for rep, latencies := range rounds {
		for target, latency := range latencies {
			trials = append(trials, results.Trial{
				Point: results.Point{Cell: results.Cell{Transport: "user/copy", Engine: "wazero", Codec: "none", SizeBytes: 1000, Fanout: len(latencies), Concurrency: 1}},
				Start: rep, Rep: rep, Target: target, Status: results.OK, Clock: "shared",
				T0: int64(rep) * 1e9, Latency: latency, Consumed: 2 * latency, Cycle: 3 * latency, Transfer: latency,
				CPUUser: latency / 2, CPUKernel: latency / 2, RSSPeak: latency * 10,
			})
		}
	}
	return trials
}

// single are latencies of rounds with one target.
func single(latencies ...int64) (rounds [][]int64) {
	for _, latency := range latencies {
		rounds = append(rounds, []int64{latency})
	}
	return rounds
}

func one(t *testing.T, trials []results.Trial, windows ...results.Window) results.Summary {
	t.Helper()
	summaries := results.Summarize(trials, windows, 0)
	if len(summaries) != 1 {
		t.Fatalf("%d cells", len(summaries))
	}
	return summaries[0]
}

// expect compares numbers; NaN is one that the cell does not have.
func expect(t *testing.T, got map[string]float64, want ...float64) {
	t.Helper()
	names := slices.Sorted(maps.Keys(got))
	if len(names) != len(want) {
		t.Fatalf("%d names, %d numbers", len(names), len(want))
	}
	for i, name := range names {
		if math.IsNaN(got[name]) != math.IsNaN(want[i]) || math.Abs(got[name]-want[i]) > 1e-6*math.Abs(want[i]) {
			t.Errorf("%s is %v, want %v", name, got[name], want[i])
		}
	}
}

func TestSummarizeOneTrial(t *testing.T) {
	s := one(t, rows([]int64{500}))
	expect(t, map[string]float64{"0": s.LatencyMedian, "1 lo": s.LatencyLo, "2 hi": s.LatencyHi, "3 p90": s.LatencyP90, "4 p99": s.LatencyP99, "5 consumed": s.ConsumedMedian,
		"6 rate": s.OpsPerSecond, "7 CPU": s.CPUUser, "8 kernel": s.CPUKernelLo, "9 RSS": s.RSSPeak}, 500, nan, nan, nan, nan, 1000, nan, 250, nan, 5000)
	if s.N != 1 || s.Starts != 1 || s.Notes != "few starts" {
		t.Errorf("%+v", s)
	}
	if warnings := results.Warnings([]results.Summary{s}, nil, nil); len(warnings) != 1 || !strings.Contains(warnings[0], "fewer than 6 starts") {
		t.Errorf("warnings %q", warnings)
	}
}

var nan = math.NaN()

// The numbers beside these were computed by hand with a table of Student's distribution: for two
// degrees of freedom its quantile is 4.302653, for five 2.570582.
func TestSummarizeInterval(t *testing.T) {
	spread := func(e float64) int64 { return int64(math.Round(1e12 * math.Exp(e))) }
	for _, test := range []struct {
		latencies      []int64
		median, lo, hi float64
	}{
		{[]int64{100, 400}, 200, nan, nan},
		{[]int64{spread(-1), spread(0), spread(1)}, 1e12, 1e12 * math.Exp(-4.302653/math.Sqrt(3)), 1e12 * math.Exp(4.302653/math.Sqrt(3))},
		// The standard deviation of the logarithms is √(6/5).
		{[]int64{spread(-1), spread(1), spread(-1), spread(1), spread(-1), spread(1)}, 1e12, 1e12 * math.Exp(-2.570582/math.Sqrt(5)), 1e12 * math.Exp(2.570582/math.Sqrt(5))},
		{[]int64{7, 7, 7, 7}, 7, 7, 7},
		// Where there is nothing there are no logarithms.
		{[]int64{0, 5, 9}, 5, nan, nan},
	} {
		s := one(t, rows(single(test.latencies...)...))
		expect(t, map[string]float64{"0": s.LatencyMedian, "1 lo": s.LatencyLo, "2 hi": s.LatencyHi, "3 consumed": s.ConsumedMedian, "4 lo": s.ConsumedLo, "5 hi": s.ConsumedHi, "6 cycle": s.CycleMedian, "7 transfer": s.TransferMedian},
			test.median, test.lo, test.hi, 2*test.median, 2*test.lo, 2*test.hi, 3*test.median, test.median)
	}
}

// A start counts once, however many rounds it has; its first hand-off and what serves the noise
// do not count at all.
func TestSummarizeStarts(t *testing.T) {
	trials := rows(single(100, 150, 1000, 400, 300, 9999, 8)...)
	for i, start := range []int{0, 0, 0, 1, 2, 3, 2} {
		trials[i].Start = start
	}
	trials[5].Noise = true
	trials[6].First = true
	s := one(t, trials)
	expect(t, map[string]float64{"0": s.LatencyMedian, "1 first": s.FirstMedian, "2 makespan": s.MakespanMedian, "3 CPU": s.CPUUser, "4 RSS": s.RSSPeak},
		math.Cbrt(150*400*300), 8, 2*math.Cbrt(150*400*300), 390/2, 10000)
	if s.N != 5 || s.Starts != 3 {
		t.Errorf("%d rounds, %d starts", s.N, s.Starts)
	}
	// A failure counts wherever it is.
	trials[5].Status, trials[5].Reason = results.Failed, "digest differs"
	if s := one(t, trials); s.Status != results.Failed || s.N != 5 {
		t.Errorf("%+v", s)
	}
}

func TestSummarizeFanout(t *testing.T) {
	// Three starts of a round of two targets, whose medians are 150, 250 and 550.
	s := one(t, rows([]int64{100, 200}, []int64{100, 400}, []int64{100, 1000}))
	expect(t, map[string]float64{"0": s.LatencyMedian, "1 makespan": s.MakespanMedian, "2 CPU": s.CPUUser}, math.Cbrt(150*250*550), 2*math.Cbrt(200*400*1000), 1900/2/6.0)
	if s.N != 3 {
		t.Errorf("%d rounds", s.N)
	}
}

func TestSummarizeConcurrency(t *testing.T) {
	trials := rows(single(100, 100)...)
	trials[1].Start, trials[1].Rep, trials[1].Worker, trials[1].T0 = 0, 0, 1, 50
	for i := range trials {
		trials[i].Concurrency = 2
	}
	if s := one(t, trials); s.N != 1 || math.Abs(s.MakespanMedian-250) > 1e-6 {
		t.Errorf("n %d, %v ns", s.N, s.MakespanMedian)
	}
}

// windowsOf are those of the trials' starts, with hand-offs to single targets a second.
func windowsOf(trials []results.Trial, rates ...int) []results.Window {
	var windows []results.Window
	for i, rate := range rates {
		w := results.Window{Start: i, Point: trials[0].Point, Tried: rate / 10, OK: rate / 10, Bytes: int64(rate) * 100, Ns: 1e8,
			SourceUser: 300e6, SourceKernel: 60e6, TargetKernel: 40e6, SoftIRQ: int64(rate) * 10, FunctionNs: float64(10 * (i + 1)), PSSPeak: int64(i), Latencies: results.NewHistogram()}
		for range w.OK {
			w.Latencies.Record(1000)
		}
		windows = append(windows, w)
	}
	return windows
}

func TestSummarizeWindows(t *testing.T) {
	trials := rows(single(100, 100, 100)...)
	windows := windowsOf(trials, 1000, 2000, 4000)
	noise := windows[0]
	noise.Noise, noise.Start, noise.Ns = true, 3, 1
	s := one(t, trials, append(windows, noise)...)
	// Of 1.2 s of CPU time, 300 ticks of 4 ms, a quarter was the kernel's: by Wilson 20.43 to 30.2 %.
	width := math.Exp(4.302653 * math.Ln2 / math.Sqrt(3))
	expect(t, map[string]float64{"0 ops": s.OpsPerSecond, "1 bytes": s.BytesPerSecond, "2 lo": s.BytesPerSecondLo, "3 hi": s.BytesPerSecondHi,
		"4 functions": s.CPUFunction, "5 softirq": s.SoftIRQ, "6 PSS": s.PSSPeak}, 2000, 2e6, 2e6/width, 2e6*width, 20, 100, 2)
	if lo, hi := s.CPUKernelLo/100, s.CPUKernelHi/100; math.Abs(lo-0.2044) > 1e-4 || math.Abs(hi-0.3020) > 1e-4 {
		t.Errorf("kernel share %v to %v", lo, hi)
	}
	if s.Notes != "few starts; window mean" {
		t.Errorf("notes %q", s.Notes)
	}
	// 700 of the windows and three rounds, each within 1 %.
	if math.Abs(s.LatencyP90-1000) > 10 || math.Abs(s.LatencyP99-1000) > 10 {
		t.Errorf("p90 %v, p99 %v", s.LatencyP90, s.LatencyP99)
	}
	windows[1].Failed, windows[1].Reason = 1, "digest differs"
	if s := one(t, trials, windows...); s.Status != results.Failed || s.Reason != "digest differs" || s.LatencyMedian < 99 {
		t.Errorf("%+v", s)
	}
}

func TestPercentilesNeedHandoffs(t *testing.T) {
	for rounds, want := range map[int][2]bool{19: {}, 20: {true}, 199: {true}, 200: {true, true}} {
		s := one(t, rows(single(slices.Repeat([]int64{1e6}, rounds)...)...))
		if got := [2]bool{s.LatencyP90 > 0, s.LatencyP99 > 0}; got != want {
			t.Errorf("%d rounds: p90 and p99 are there: %v", rounds, got)
		}
	}
	// Under load the rounds tell nothing.
	trials := rows(single(slices.Repeat([]int64{1e6}, 500)...)...)
	for i := range trials {
		trials[i].Rate = 10
	}
	if s := one(t, trials); s.LatencyP90 > 0 {
		t.Errorf("p90 %v", s.LatencyP90)
	}
	if s := one(t, trials, windowsOf(trials, 1000)...); math.Abs(s.LatencyP90-1000) > 10 || s.LatencyP99 > 0 {
		t.Errorf("p90 %v, p99 %v", s.LatencyP90, s.LatencyP99)
	}
}

func TestSaturationIsNoted(t *testing.T) {
	for offered, want := range map[results.Rate]string{5000: "", 5200: "", 5300: "saturated at 5000/s", 0: ""} {
		trials := rows(slices.Repeat([][]int64{{1e6, 2e6}}, 6)...)
		for i := range trials {
			trials[i].Rate = offered
		}
		if s := one(t, trials, windowsOf(trials, 10000, 10000, 10000)...); s.Notes != want || s.Status != results.OK {
			t.Errorf("%d: %q", offered, s.Notes)
		}
	}
}

// The program's own intervals hold the truth in 95 of 100 runs, whether starts differ much or
// hardly.
func TestCoverageOfIntervals(t *testing.T) {
	if testing.Short() {
		t.Skip("many runs, by one goroutine")
	}
	const runs, rounds, truth = 1500, 5, 1e6
	for _, starts := range []int{3, 6, 10} {
		for _, between := range []float64{0.01, 0.3} {
			random := rand.New(rand.NewPCG(uint64(starts), 3))
			covered := 0
			for range runs {
				var trials []results.Trial
				for start := range starts {
					level := truth * math.Exp(between*random.NormFloat64())
					for range rounds {
						trial := rows([]int64{int64(level * math.Exp(0.1*random.NormFloat64()))})[0]
						trial.Start, trial.Rep = start, len(trials)
						trials = append(trials, trial)
					}
				}
				if s := one(t, trials); s.LatencyLo <= truth && truth <= s.LatencyHi {
					covered++
				}
			}
			if share := float64(covered) / runs; share < 0.93 || share > 0.97 {
				t.Errorf("%d starts that vary by %v: %.1f %% of the intervals hold the truth", starts, between, 100*share)
			}
		}
	}
}

func TestNoiseOfARun(t *testing.T) {
	trials := append(rows(single(100, 110, 90)...), rows(single(102, 110, 92, 300)...)...)
	for i := range trials[3:6] {
		trials[3+i].Noise = true
	}
	trials[6].Noise, trials[6].First = true, true
	noise := results.NoiseOf(trials)
	if len(noise) != 1 {
		t.Fatal(noise)
	}
	n := noise[0]
	if want := math.Cbrt(102. * 110 * 92 / 100 / 110 / 90); math.Abs(n.Ratio-want) > 1e-9 || !(n.Lo < 1 && n.Hi > n.Ratio) || math.Abs(n.Lo*n.Hi-n.Ratio*n.Ratio) > 1e-9 {
		t.Errorf("%+v", n)
	}
	warnings := results.Warnings(nil, nil, noise)
	if len(warnings) != 1 || !strings.HasPrefix(warnings[0], "noise of this run: user/copy wazero 1000 B measured twice differs by +1.4 % [-") {
		t.Errorf("%q", warnings)
	}
	if noise := results.NoiseOf(trials[:5]); len(noise) != 0 {
		t.Errorf("of two starts: %v", noise)
	}
}

func TestBeatenLimitsAreNamed(t *testing.T) {
	for beats, latencies := range map[bool][]int64{true: {900, 905, 910}, false: {900, 1000, 1100}} {
		trials := rows(single(latencies...)...)
		for i, limit := range []string{"limit/memcpy", "limit/unix"} {
			for _, trial := range rows(single(1000, 1005, 1010)...) {
				trial.Transport, trial.Engine, trial.CellIndex = limit, "native", i+1
				trials = append(trials, trial)
			}
		}
		trials[0].Origin, trials[1].Origin, trials[2].Origin = "heap", "heap", "heap"
		warnings := results.Warnings(results.Summarize(trials, nil, 0), transports, nil)
		const want = "user/copy wazero 1000 B heap takes 905 [893, 917] ns and beats its limit, limit/memcpy with 1.00 [0.99, 1.02] µs: that is no limit"
		if got := len(warnings) == 2 && warnings[1] == want; got != beats {
			t.Errorf("%v: %q", beats, warnings)
		}
	}
}

func TestSummarizeFailure(t *testing.T) {
	trials := rows([]int64{100, 100}, []int64{300, 9}, []int64{100, 100}, []int64{7})
	trials[3].Status, trials[3].Reason = results.Failed, "digest differs"
	trials[6].Fanout, trials[6].Start = 2, 2 // a round of which the second row was never written
	s := one(t, trials)
	if s.Status != results.Failed || s.Reason != "digest differs" || s.N != 2 || math.Abs(s.LatencyMedian-100) > 1e-9 {
		t.Errorf("got %+v", s)
	}
}

func TestSummarizeWithoutNumbers(t *testing.T) {
	for _, status := range []results.Status{results.Skipped, results.Failed} {
		trials := rows([]int64{0}, []int64{0})
		for i := range trials {
			trials[i].Status, trials[i].Reason = status, fmt.Sprint("reason ", i)
		}
		s := one(t, trials)
		if s.Status != status || s.Reason != "reason 0" || s.N != 0 {
			t.Errorf("got %+v", s)
		}
		var csv bytes.Buffer
		if err := results.WriteSummaries(&csv, []results.Summary{s}); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(",user/copy,wazero,none,,1000,1,1,%s,reason 0,0%s0%s0,,,,,\n", status, strings.Repeat(",", 32), strings.Repeat(",", 4))
		if _, row, _ := strings.Cut(csv.String(), "\n"); row != want {
			t.Errorf("got %q, want %q", row, want)
		}
	}
}

// A phase has no processor time that was not metered; by containerd the rest is not counted.
func TestSummarizePhases(t *testing.T) {
	trial := results.Trial{Point: results.Point{Cell: results.Cell{Transport: "coldstart/hello"}}, Status: results.OK, Latency: 1e6, MinorFaults: 3, ContextSwitches: 2}
	for _, test := range []struct {
		launcher     string
		used         int64
		cpu, counted bool
	}{{"process", 5e5, true, true}, {"process", 0, false, false}, {"containerd", 5e5, true, false}, {"containerd", 0, false, false}} {
		one := trial
		one.Launcher, one.Phase, one.CPUKernel = test.launcher, "run", test.used
		s := results.Summarize([]results.Trial{one}, nil, 0)[0]
		if known := !math.IsNaN(s.CPUUser) && s.CPUKernel == float64(test.used); known != test.cpu {
			t.Errorf("%s, %d ns: CPU time %v, %v", test.launcher, test.used, s.CPUUser, s.CPUKernel)
		}
		if known := s.MinorFaults == 3 && s.ContextSwitches == 2; known != test.counted {
			t.Errorf("%s, %d ns: faults %v, switches %v", test.launcher, test.used, s.MinorFaults, s.ContextSwitches)
		}
	}
}

func TestSummarizeMarksOutliers(t *testing.T) {
	s := one(t, rows(single(100, 101, 99, 102, 98, 500, 103)...))
	if s.Outliers != 1 || s.N != 7 || s.RSSPeak != 5000 {
		t.Errorf("got %+v", s)
	}
}

func FuzzReadSummaries(f *testing.F) {
	var csv bytes.Buffer
	if err := results.WriteSummaries(&csv, results.Summarize(rows([]int64{5}, []int64{7}), nil, 0)); err != nil {
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

// A latency that ends at the source, in all rows or in some, is no latency like the others.
func TestAcknowledgedIsNoted(t *testing.T) {
	for clocks, want := range map[[2]string]string{
		{results.ClockShared, results.ClockShared}:             "few starts",
		{results.ClockOffset, results.ClockOffset}:             "few starts",
		{results.ClockAcknowledged, results.ClockAcknowledged}: "few starts; acknowledged",
		{results.ClockOffset, results.ClockAcknowledged}:       "few starts; acknowledged in part",
	} {
		var trials []results.Trial
		for i, clock := range clocks {
			trials = append(trials, results.Trial{Rep: i, Point: results.Point{Cell: results.Cell{Transport: "limit/tcp", Fanout: 1, Concurrency: 1}},
				Status: results.OK, Latency: 1000, Consumed: 1000, Clock: clock})
		}
		if s := one(t, trials); s.Notes != want {
			t.Errorf("%q: %q", clocks, s.Notes)
		}
	}
}

// The phases tell which hand-offs of a transport that chooses each time have moved.
func TestShareMovedIsNoted(t *testing.T) {
	for phases, want := range map[[2][3]int64]string{
		{{1, 0, 0}, {1, 0, 0}}: "few starts", // all have a transfer
		{{0, 0, 1}, {0, 0, 1}}: "few starts", // none has
		{{1, 0, 0}, {0, 0, 1}}: "few starts; moved 50 %",
		{{1, 0, 1}, {1, 0, 0}}: "few starts; moved 50 %",
		{{1, 1, 0}, {0, 1, 1}}: "few starts", // the source copies in any case
	} {
		var trials []results.Trial
		for i, phase := range phases {
			trials = append(trials, results.Trial{Rep: i, Point: results.Point{Cell: results.Cell{Transport: "user", Fanout: 1, Concurrency: 1}},
				Status: results.OK, Latency: 1000, Consumed: 1000, Transfer: phase[0], CopyOut: phase[1], CopyIn: phase[2]})
		}
		if s := one(t, trials); s.Notes != want {
			t.Errorf("%v: %q", phases, s.Notes)
		}
	}
}
