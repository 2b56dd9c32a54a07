package results

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Summary is the statistics of one cell, a row of summary.csv. A number that the cell does
// not have is NaN, and empty in the file. Times are nanoseconds.
type Summary struct {
	Cell
	// Status is failed when a trial of the cell failed, skipped when none ran, else ok.
	Status Status
	// Reason is that of the first row that was not ok.
	Reason string
	// N counts the rounds in which every hand-off was ok. Only their rows count below.
	N int
	// LatencyMedian is the median over all hand-offs, each target for itself. The interval
	// around it (95 %) takes the round as the unit that was repeated, because the targets of
	// one fan-out and the hand-offs of one concurrent round are no independent samples. With
	// fewer than MinimumRounds rounds it is the smallest to the largest round.
	LatencyMedian, LatencyLo, LatencyHi float64
	LatencyP90, LatencyP99              float64
	ConsumedMedian                      float64
	// The medians of the phases need not add up to the median of the latency.
	SerializeMedian, CopyOutMedian, TransferMedian, CopyInMedian, DeserializeMedian float64
	// OpsPerSecond is the hand-offs of a round, targets included, over the round's makespan
	// (see Round), the median over rounds; BytesPerSecond is the same in payload bytes.
	OpsPerSecond, BytesPerSecond float64
	// CPUUser and CPUKernel are means a hand-off: CPU adds up, so its mean is what a
	// hand-off costs in the long run.
	CPUUser, CPUKernel float64
	// RSSPeak and PSSPeak are the largest of all rows, in bytes.
	RSSPeak, PSSPeak float64
	// MinorFaults and ContextSwitches are means a hand-off.
	MinorFaults, ContextSwitches float64

	// Outliers counts hand-offs whose latency is an outlier by the median absolute
	// deviation. They are marked for the reader and counted in every statistic. It is not
	// in summary.csv.
	Outliers int
	// Clocks are the clocks by which the latencies were taken, when not one shared clock.
	// It is not in summary.csv.
	Clocks []string
}

// MinimumRounds is the number of rounds from which on order statistics give a 95 % interval
// of a median.
const MinimumRounds = 6

var summaryColumns = []column[Summary]{
	textColumn("experiment", "part of the plan that the cell belongs to", func(s *Summary) *string { return &s.Experiment }),
	textColumn("transport", "way the payload moved", func(s *Summary) *string { return &s.Transport }),
	textColumn("engine", "WebAssembly runtime of the functions, or native; behind a + what stands in for something real, as in wazero+miniredis", func(s *Summary) *string { return &s.Engine }),
	textColumn("codec", "representation of the payload between the functions", func(s *Summary) *string { return &s.Codec }),
	textColumn("placement", "intra: one host; inter: two hosts", func(s *Summary) *string { return &s.Placement }),
	int64Column("size_bytes", "payload in memory, before any serialization", func(s *Summary) *int64 { return &s.SizeBytes }),
	intColumn("fanout", "targets of one hand-off", func(s *Summary) *int { return &s.Fanout }),
	intColumn("concurrency", "sources that hand over at the same time", func(s *Summary) *int { return &s.Concurrency }),
	statusColumn("status", "failed: a trial failed; skipped: none ran; else ok", func(s *Summary) *Status { return &s.Status }),
	textColumn("reason", "that of the first row that was not ok", func(s *Summary) *string { return &s.Reason }),
	intColumn("n", "rounds in which every hand-off was ok; only these count", func(s *Summary) *int { return &s.N }),
	optionalColumn("latency_median_ns", "t0 until the handler is entered with a usable object; median over hand-offs, each target for itself", func(s *Summary) *float64 { return &s.LatencyMedian }),
	optionalColumn("latency_lo_ns", "lower end of the 95 % interval of the median, rounds as samples; smallest round when n < 6", func(s *Summary) *float64 { return &s.LatencyLo }),
	optionalColumn("latency_hi_ns", "upper end of the 95 % interval of the median, rounds as samples; largest round when n < 6", func(s *Summary) *float64 { return &s.LatencyHi }),
	optionalColumn("latency_p90_ns", "90th percentile over hand-offs", func(s *Summary) *float64 { return &s.LatencyP90 }),
	optionalColumn("latency_p99_ns", "99th percentile over hand-offs", func(s *Summary) *float64 { return &s.LatencyP99 }),
	optionalColumn("consumed_median_ns", "t0 until the handler has read every byte, median over hand-offs", func(s *Summary) *float64 { return &s.ConsumedMedian }),
	optionalColumn("serialize_median_ns", "phase: object to wire representation; medians of phases need not add up to the median latency", func(s *Summary) *float64 { return &s.SerializeMedian }),
	optionalColumn("copy_out_median_ns", "phase: source's memory to host", func(s *Summary) *float64 { return &s.CopyOutMedian }),
	optionalColumn("transfer_median_ns", "phase: host to host", func(s *Summary) *float64 { return &s.TransferMedian }),
	optionalColumn("copy_in_median_ns", "phase: host to target's memory", func(s *Summary) *float64 { return &s.CopyInMedian }),
	optionalColumn("deserialize_median_ns", "phase: wire representation to object", func(s *Summary) *float64 { return &s.DeserializeMedian }),
	optionalColumn("throughput_ops_per_s", "hand-offs of a round, targets included, over the time from its first t0 to its last delivery; median over rounds", func(s *Summary) *float64 { return &s.OpsPerSecond }),
	optionalColumn("throughput_bytes_per_s", "the same in payload bytes", func(s *Summary) *float64 { return &s.BytesPerSecond }),
	optionalColumn("cpu_user_ns_per_op", "user CPU time of all participants, mean a hand-off", func(s *Summary) *float64 { return &s.CPUUser }),
	optionalColumn("cpu_kernel_ns_per_op", "kernel CPU time of all participants, mean a hand-off", func(s *Summary) *float64 { return &s.CPUKernel }),
	optionalColumn("rss_peak_bytes", "peak resident set, summed over all participants, largest of all trials", func(s *Summary) *float64 { return &s.RSSPeak }),
	optionalColumn("pss_peak_bytes", "peak proportional set (shared pages once), summed over all participants, largest of all trials", func(s *Summary) *float64 { return &s.PSSPeak }),
	optionalColumn("minor_faults_per_op", "minor page faults of all participants, mean a hand-off", func(s *Summary) *float64 { return &s.MinorFaults }),
	optionalColumn("ctx_switches_per_op", "context switches of all participants, mean a hand-off", func(s *Summary) *float64 { return &s.ContextSwitches }),
}

// SummaryColumns returns the header of summary.csv.
func SummaryColumns() []string { return names(summaryColumns) }

// Summarize computes the statistics of each cell, in the order of the plan. Rows that a
// resumed run has repeated must be gone already (see Latest).
func Summarize(trials []Trial) []Summary {
	type key struct {
		index int
		cell  Cell
	}
	cells := make(map[key][]Trial)
	var order []key
	for _, trial := range trials {
		k := key{trial.CellIndex, trial.Cell}
		if _, known := cells[k]; !known {
			order = append(order, k)
		}
		cells[k] = append(cells[k], trial)
	}
	slices.SortStableFunc(order, func(a, b key) int { return a.index - b.index })
	summaries := make([]Summary, len(order))
	for i, k := range order {
		summaries[i] = summarize(k.cell, cells[k])
	}
	return summaries
}

func summarize(cell Cell, trials []Trial) Summary {
	summary := Summary{Cell: cell}
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
	summary.BytesPerSecond = summary.OpsPerSecond * float64(cell.SizeBytes)

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
	rows := csv.NewWriter(w)
	if err := rows.Write(SummaryColumns()); err != nil {
		return err
	}
	fields := make([]string, len(summaryColumns))
	for i := range summaries {
		for c := range summaryColumns {
			fields[c] = summaryColumns[c].get(&summaries[i])
		}
		if err := rows.Write(fields); err != nil {
			return err
		}
	}
	rows.Flush()
	return rows.Error()
}

// ReadSummaries reads a summary.csv. The error names the line and the column.
func ReadSummaries(r io.Reader) ([]Summary, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		return nil, errors.Join(errors.New("line 1: header missing"), lines.Err())
	}
	fields, err := split(lines.Text())
	if err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	header, err := parseHeader(fields, summaryColumns)
	if err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	var summaries []Summary
	for number := 2; lines.Scan(); number++ {
		fields, err := split(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		summary, err := parseRow(header, summaryColumns, fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		summaries = append(summaries, summary)
	}
	return summaries, lines.Err()
}
