package results

import (
	"fmt"
	"io"
	"math"
	"slices"
)

// Summary is the statistics of one cell, a row of summary.csv. A number that the cell does
// not have is NaN, and empty in the file. Times are nanoseconds.
//
// The interval of the latency takes the round as the unit that was repeated, because the
// targets of one fan-out and the hand-offs of one concurrent round are no independent
// samples. CPU times are means: they add up, so the mean is what a hand-off costs in the long
// run.
type Summary struct {
	Cell
	Status            Status  `csv:"status" note:"failed: a trial failed; skipped: none ran; else ok"`
	Reason            string  `csv:"reason" note:"that of the first row that was not ok"`
	N                 int     `csv:"n" note:"rounds in which every hand-off was ok; only these count"`
	LatencyMedian     float64 `csv:"latency_median_ns" note:"t0 until the handler is entered with a usable object; median over hand-offs, each target for itself"`
	LatencyLo         float64 `csv:"latency_lo_ns" note:"lower end of the 95 % interval of the median, rounds as samples; smallest round when n < 6"`
	LatencyHi         float64 `csv:"latency_hi_ns" note:"upper end of the 95 % interval of the median, rounds as samples; largest round when n < 6"`
	LatencyP90        float64 `csv:"latency_p90_ns" note:"90th percentile over hand-offs"`
	LatencyP99        float64 `csv:"latency_p99_ns" note:"99th percentile over hand-offs"`
	ConsumedMedian    float64 `csv:"consumed_median_ns" note:"t0 until the handler has read every byte, median over hand-offs"`
	SerializeMedian   float64 `csv:"serialize_median_ns" note:"phase: object to wire representation; medians of phases need not add up to the median latency"`
	CopyOutMedian     float64 `csv:"copy_out_median_ns" note:"phase: source's memory to host"`
	TransferMedian    float64 `csv:"transfer_median_ns" note:"phase: host to host"`
	CopyInMedian      float64 `csv:"copy_in_median_ns" note:"phase: host to target's memory"`
	DeserializeMedian float64 `csv:"deserialize_median_ns" note:"phase: wire representation to object"`
	OpsPerSecond      float64 `csv:"throughput_ops_per_s" note:"hand-offs of a round, targets included, over the time from its first t0 to its last delivery; median over rounds"`
	BytesPerSecond    float64 `csv:"throughput_bytes_per_s" note:"the same in payload bytes"`
	CPUUser           float64 `csv:"cpu_user_ns_per_op" note:"user CPU time of all participants, mean a hand-off"`
	CPUKernel         float64 `csv:"cpu_kernel_ns_per_op" note:"kernel CPU time of all participants, mean a hand-off"`
	RSSPeak           float64 `csv:"rss_peak_bytes" note:"peak resident set, summed over all participants, largest of all trials"`
	PSSPeak           float64 `csv:"pss_peak_bytes" note:"peak proportional set (shared pages once), summed over all participants, largest of all trials"`
	MinorFaults       float64 `csv:"minor_faults_per_op" note:"minor page faults of all participants, mean a hand-off"`
	ContextSwitches   float64 `csv:"ctx_switches_per_op" note:"context switches of all participants, mean a hand-off"`

	ConsumedLo       float64 `csv:"consumed_lo_ns" note:"lower end of the 95 % interval of consumed_median_ns"`
	ConsumedHi       float64 `csv:"consumed_hi_ns" note:"upper end"`
	FirstMedian      float64 `csv:"first_median_ns" note:"latency of the first hand-off of fresh functions"`
	CycleMedian      float64 `csv:"cycle_median_ns" note:"t0 until the source's function may write its next payload, with all that the hand-off has left to do"`
	MakespanMedian   float64 `csv:"makespan_median_ns" note:"a round's first t0 until its last consumption"`
	BytesPerSecondLo float64 `csv:"throughput_lo_bytes_per_s" note:"lower end of the 95 % interval of throughput_bytes_per_s"`
	BytesPerSecondHi float64 `csv:"throughput_hi_bytes_per_s" note:"upper end"`
	Load
	CPUFunction float64 `csv:"cpu_function_ns_per_op" note:"of the CPU time, what functions alone need to produce and to handle a payload; the rest is the transfer's"`
	CPUKernelLo float64 `csv:"cpu_kernel_lo_ns_per_op" note:"lower end of the 95 % interval that the number of ticks allows"`
	CPUKernelHi float64 `csv:"cpu_kernel_hi_ns_per_op" note:"upper end"`
	SoftIRQ     float64 `csv:"softirq_ns_per_op" note:"the machine's interrupt work, mean a hand-off"`
	Starts      int     `csv:"starts" note:"starts of fresh functions; only these are independent"`
	Conditions
	Notes string `csv:"notes" note:"marks, separated by semicolons: few starts; saturated; window mean"`

	// Outliers counts hand-offs whose latency is an outlier by the median absolute
	// deviation. They are marked for the reader and counted in every statistic.
	Outliers int `csv:"-"`
	// Clocks are the clocks by which the latencies were taken, when not one shared clock.
	Clocks []string `csv:"-"`
}

// MinimumRounds is the number of rounds from which on order statistics give a 95 % interval
// of a median.
const MinimumRounds = 6

// SummaryColumns returns the header of summary.csv.
func SummaryColumns() []string { return columns[Summary]() }

// Summarize computes the statistics of each cell, in the order of the plan. Rows that a
// resumed run has repeated must be gone already (see Latest).
func Summarize(trials []Trial) []Summary {
	type key struct {
		index int
		point Point
	}
	cells := make(map[key][]Trial)
	var order []key
	for _, trial := range trials {
		k := key{trial.CellIndex, trial.Point}
		if _, known := cells[k]; !known {
			order = append(order, k)
		}
		cells[k] = append(cells[k], trial)
	}
	slices.SortStableFunc(order, func(a, b key) int { return a.index - b.index })
	summaries := make([]Summary, len(order))
	for i, k := range order {
		summaries[i] = summarize(k.point, cells[k])
	}
	return summaries
}

func summarize(point Point, trials []Trial) Summary {
	summary := Summary{Cell: point.Cell, Load: point.Load, Conditions: point.Conditions}
	summary.Status, summary.Reason = outcome(trials)
	rounds := Rounds(trials)
	summary.N = len(rounds)

	var rows []*Trial
	roundMedians := make([]float64, len(rounds))
	for i, round := range rounds {
		latencies := make([]float64, len(round.Rows))
		for j, row := range round.Rows {
			latencies[j] = float64(row.Latency)
		}
		roundMedians[i] = median(latencies)
		rows = append(rows, round.Rows...)
	}
	over := func(field func(*Trial) int64) []float64 {
		values := make([]float64, len(rows))
		for i, row := range rows {
			values[i] = float64(field(row))
		}
		return values
	}

	latencies := over(func(t *Trial) int64 { return t.Latency })
	summary.LatencyMedian = median(latencies)
	summary.LatencyLo, summary.LatencyHi = interval(roundMedians)
	// With several hand-offs a round the two medians may differ by a hair.
	summary.LatencyLo = math.Min(summary.LatencyLo, summary.LatencyMedian)
	summary.LatencyHi = math.Max(summary.LatencyHi, summary.LatencyMedian)
	summary.LatencyP90 = percentile(latencies, 90)
	summary.LatencyP99 = percentile(latencies, 99)
	summary.Outliers = outliers(latencies)
	summary.Clocks = unsharedClocks(rows)
	summary.ConsumedMedian = median(over(func(t *Trial) int64 { return t.Consumed }))
	summary.SerializeMedian = median(over(func(t *Trial) int64 { return t.Serialize }))
	summary.CopyOutMedian = median(over(func(t *Trial) int64 { return t.CopyOut }))
	summary.TransferMedian = median(over(func(t *Trial) int64 { return t.Transfer }))
	summary.CopyInMedian = median(over(func(t *Trial) int64 { return t.CopyIn }))
	summary.DeserializeMedian = median(over(func(t *Trial) int64 { return t.Deserialize }))

	var throughputs []float64
	for _, round := range rounds {
		if throughput := round.OpsPerSecond(); !math.IsNaN(throughput) {
			throughputs = append(throughputs, throughput)
		}
	}
	summary.OpsPerSecond = median(throughputs)
	summary.BytesPerSecond = summary.OpsPerSecond * float64(point.SizeBytes)

	summary.CPUUser = mean(over(func(t *Trial) int64 { return t.CPUUser }))
	summary.CPUKernel = mean(over(func(t *Trial) int64 { return t.CPUKernel }))
	summary.RSSPeak = maximum(over(func(t *Trial) int64 { return t.RSSPeak }))
	summary.PSSPeak = maximum(over(func(t *Trial) int64 { return t.PSSPeak }))
	faults, switches := make([]float64, len(rows)), make([]float64, len(rows))
	for i, row := range rows {
		faults[i], switches[i] = row.MinorFaults, row.ContextSwitches
	}
	summary.MinorFaults, summary.ContextSwitches = mean(faults), mean(switches)
	return summary
}

func outcome(trials []Trial) (Status, string) {
	var skipped, failed *Trial
	ran := false
	for i := range trials {
		switch trial := &trials[i]; {
		case trial.Status == Failed && failed == nil:
			failed = trial
		case trial.Status == Skipped && skipped == nil:
			skipped = trial
		case trial.Status == OK:
			ran = true
		}
	}
	switch {
	case failed != nil:
		return Failed, failed.Reason
	case skipped != nil && !ran:
		return Skipped, skipped.Reason
	case skipped != nil:
		return OK, skipped.Reason
	}
	return OK, ""
}

func unsharedClocks(rows []*Trial) []string {
	var clocks []string
	for _, row := range rows {
		if row.Clock != "" && row.Clock != "shared" && !slices.Contains(clocks, row.Clock) {
			clocks = append(clocks, row.Clock)
		}
	}
	slices.Sort(clocks)
	return clocks
}

// Warnings lists what a reader of the statistics must know, one line each.
func Warnings(summaries []Summary) []string {
	short, outlying, outliers := 0, 0, 0
	for i := range summaries {
		if summaries[i].N > 0 && summaries[i].N < MinimumRounds {
			short++
		}
		if summaries[i].Outliers > 0 {
			outlying++
			outliers += summaries[i].Outliers
		}
	}
	var warnings []string
	if short > 0 {
		warnings = append(warnings, fmt.Sprintf("%d cells have fewer than %d rounds: their interval is the smallest to the largest round, less than 95 %%; use more --reps", short, MinimumRounds))
	}
	if outlying > 0 {
		warnings = append(warnings, fmt.Sprintf("%d hand-offs in %d cells are outliers (more than %g scaled median absolute deviations from the median); they count in every statistic", outliers, outlying, outlierScore))
	}
	return warnings
}

// WriteSummaries writes a summary.csv.
func WriteSummaries(w io.Writer, summaries []Summary) error {
	rows := newRowWriter[Summary](w)
	if err := rows.header(); err != nil {
		return err
	}
	return rows.write(summaries)
}

// ReadSummaries reads a summary.csv. The error names the line and the column.
func ReadSummaries(r io.Reader) ([]Summary, error) { return readRows[Summary](r) }
