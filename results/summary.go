package results

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Summary is the statistics of one cell, a row of summary.csv. A number that the cell does
// not have is NaN, and empty in the file. Times are nanoseconds.
//
// Only starts are independent: rounds of one start share its memory layout, its caches and its
// neighbours, and the hand-offs of one round the moment. Each start is therefore reduced to the
// median of its rounds, and a round of several hand-offs to the median of these. The columns
// named median are the geometric mean of the starts' medians; a 95 % interval is Student's on
// their logarithms, and empty below three starts. CPU times are means over hand-offs: they add
// up, so the mean is what a hand-off costs in the long run.
type Summary struct {
	Cell
	Status            Status  `csv:"status" note:"failed: a trial failed; skipped: none ran; else ok"`
	Reason            string  `csv:"reason" note:"that of the first row that was not ok"`
	N                 int     `csv:"n" note:"rounds in which every hand-off was ok; only these count"`
	LatencyMedian     float64 `csv:"latency_median_ns" note:"t0 until the handler is entered with a usable object, each target for itself; geometric mean of the starts' medians, as all columns named median"`
	LatencyLo         float64 `csv:"latency_lo_ns" note:"lower end of its 95 % interval, Student's on the starts' logarithms; empty below 3 starts"`
	LatencyHi         float64 `csv:"latency_hi_ns" note:"upper end"`
	LatencyP90        float64 `csv:"latency_p90_ns" note:"90th percentile over hand-offs, to within 1 %, of a single source without a rate of rounds and windows, else of windows; empty below 20"`
	LatencyP99        float64 `csv:"latency_p99_ns" note:"99th percentile likewise; empty below 200"`
	ConsumedMedian    float64 `csv:"consumed_median_ns" note:"t0 until the handler has read every byte"`
	SerializeMedian   float64 `csv:"serialize_median_ns" note:"phase: object to wire representation; 0 where a start has none of it; medians of phases need not add up to the latency"`
	CopyOutMedian     float64 `csv:"copy_out_median_ns" note:"phase: source's memory to host"`
	TransferMedian    float64 `csv:"transfer_median_ns" note:"phase: host to host"`
	CopyInMedian      float64 `csv:"copy_in_median_ns" note:"phase: host to target's memory"`
	DeserializeMedian float64 `csv:"deserialize_median_ns" note:"phase: wire representation to object"`
	OpsPerSecond      float64 `csv:"throughput_ops_per_s" note:"hand-offs to single targets that were consumed in the window of a start, over its time; geometric mean over starts"`
	BytesPerSecond    float64 `csv:"throughput_bytes_per_s" note:"the same in payload bytes"`
	CPUUser           float64 `csv:"cpu_user_ns_per_op" note:"user CPU time of all participants, mean a hand-off"`
	CPUKernel         float64 `csv:"cpu_kernel_ns_per_op" note:"kernel CPU time of all participants, mean a hand-off"`
	RSSPeak           float64 `csv:"rss_peak_bytes" note:"peak resident set, summed over all participants, largest of all trials and windows"`
	PSSPeak           float64 `csv:"pss_peak_bytes" note:"peak proportional set (shared pages once), summed over all participants, largest of all trials and windows"`
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
	Notes string `csv:"notes" note:"marks, separated by semicolons: few starts; saturated; window mean; acknowledged; moved: the share of hand-offs whose pages moved, or were found by reference, where others were copied"`

	// What follows from trials.csv and windows.csv alone; 0 where the row was read from summary.csv:
	// intervals of two columns above, and the median over the hand-offs that LatencyP99 is of.
	CycleLo, CycleHi, MakespanLo, MakespanHi float64 `csv:"-"`
	LatencyP50                               float64 `csv:"-"`
	// SourceCPU is what the source's process uses in windows, in nanoseconds a byte that is consumed.
	SourceCPU, SourceCPULo, SourceCPUHi float64 `csv:"-"`
	// Outliers counts hand-offs that are marked for the reader; every statistic has them.
	Outliers int `csv:"-"`
	// Clocks are the clocks by which the latencies were taken, when not one shared clock.
	Clocks []string `csv:"-"`
}

// Name is the cell's.
func (s *Summary) Name() string { return s.Point().Name() }

func (s *Summary) Point() Point { return Point{s.Cell, s.Load, s.Conditions} }

// DefaultTick is in nanoseconds, where a manifest has none: the kernel counts a tick to user or kernel mode as a whole.
const DefaultTick = int64(4e6)

// Summarize computes the statistics of each cell that has trials, in the order of the plan. Rows that a resumed run has
// repeated must be gone already (see Latest). The tick is that of the CPU clock in nanoseconds, 0 for DefaultTick.
func Summarize(trials []Trial, windows []Window, tick int64) []Summary {
	order, cells := byCell(trials)
	ran := make(map[cellKey][]Window)
	for _, window := range windows {
		if !window.Noise || window.Failed > 0 {
			k := cellKey{window.CellIndex, window.Point}
			ran[k] = append(ran[k], window)
		}
	}
	summaries := make([]Summary, len(order))
	for i, k := range order {
		summaries[i] = summarize(k.point, cells[k], ran[k], float64(cmp.Or(max(tick, 0), DefaultTick)))
	}
	return summaries
}

type cellKey struct {
	index int
	point Point
}

// byCell divides trials. What serves to know the run's noise is left out, but for its failures.
func byCell(trials []Trial) (order []cellKey, cells map[cellKey][]*Trial) {
	var counted []*Trial
	for i := range trials {
		if trial := &trials[i]; !trial.Noise || trial.Status != OK {
			counted = append(counted, trial)
		}
	}
	order, cells = groups(counted, func(t *Trial) cellKey { return cellKey{t.CellIndex, t.Point} })
	slices.SortStableFunc(order, func(a, b cellKey) int { return a.index - b.index })
	return order, cells
}

func summarize(point Point, trials []*Trial, windows []Window, tick float64) Summary {
	s := Summary{Cell: point.Cell, Load: point.Load, Conditions: point.Conditions}
	s.Status, s.Reason = outcome(trials, windows)
	windows = slices.DeleteFunc(windows, func(w Window) bool { return w.Noise })
	rounds := slices.DeleteFunc(gather(trials, false), func(r round) bool { return r[0].Noise })
	starts := startsOf(rounds, false)
	s.N, s.Starts = len(rounds), len(starts)
	estimate := func(of func(*Trial) int64) (point, lo, hi float64) {
		return overStarts(each(starts, func(s start) float64 { return s.handoffs(of) }))
	}
	s.LatencyMedian, s.LatencyLo, s.LatencyHi = estimate(latencyOf)
	s.ConsumedMedian, s.ConsumedLo, s.ConsumedHi = estimate(func(t *Trial) int64 { return t.Consumed })
	s.CycleMedian, s.CycleLo, s.CycleHi = estimate(func(t *Trial) int64 { return t.Cycle })
	s.SerializeMedian, _, _ = estimate(func(t *Trial) int64 { return t.Serialize })
	s.CopyOutMedian, _, _ = estimate(func(t *Trial) int64 { return t.CopyOut })
	s.TransferMedian, _, _ = estimate(func(t *Trial) int64 { return t.Transfer })
	s.CopyInMedian, _, _ = estimate(func(t *Trial) int64 { return t.CopyIn })
	s.DeserializeMedian, _, _ = estimate(func(t *Trial) int64 { return t.Deserialize })
	s.MakespanMedian, s.MakespanLo, s.MakespanHi = overStarts(each(starts, func(s start) float64 { return s.median(round.makespan) }))
	firsts := startsOf(gather(trials, true), false)
	s.FirstMedian, _, _ = overStarts(each(firsts, func(s start) float64 { return s.handoffs(latencyOf) }))

	rows := slices.Concat(rounds...)
	latencies := each(rows, latencyOf)
	s.Outliers = outliers(latencies)
	clocks, _ := groups(rows, func(t *Trial) string { return t.Clock })
	s.Clocks = slices.DeleteFunc(clocks, func(clock string) bool { return clock == "" || clock == ClockShared })
	slices.Sort(s.Clocks)
	s.CPUUser = mean(each(rows, func(t *Trial) int64 { return t.CPUUser }))
	s.CPUKernel = mean(each(rows, func(t *Trial) int64 { return t.CPUKernel }))
	s.MinorFaults = mean(each(rows, func(t *Trial) float64 { return t.MinorFaults }))
	s.ContextSwitches = mean(each(rows, func(t *Trial) float64 { return t.ContextSwitches }))
	s.RSSPeak = maximum(append(each(rows, func(t *Trial) int64 { return t.RSSPeak }), each(windows, func(w Window) int64 { return w.RSSPeak })...))
	s.PSSPeak = maximum(append(each(rows, func(t *Trial) int64 { return t.PSSPeak }), each(windows, func(w Window) int64 { return w.PSSPeak })...))

	if point.Sources() > 1 || point.Rate > 0 {
		latencies = nil // those of rounds, not of the load
	}
	s.tail(latencies, windows)
	s.rates(windows)
	s.cpu(windows, tick)
	s.note(len(windows) > 0, shareMoved(rows))
	if point.Phase != "" {
		s.forgetHandoff()
	}
	return s
}

// forgetHandoff takes away what a phase of a program's run does not have.
func (s *Summary) forgetHandoff() {
	forget := func(numbers ...*float64) {
		for _, number := range numbers {
			*number = math.NaN()
		}
	}
	forget(&s.ConsumedMedian, &s.ConsumedLo, &s.ConsumedHi, &s.CycleMedian, &s.CycleLo, &s.CycleHi, &s.MakespanMedian, &s.MakespanLo, &s.MakespanHi,
		&s.SerializeMedian, &s.CopyOutMedian, &s.TransferMedian, &s.CopyInMedian, &s.DeserializeMedian, &s.FirstMedian,
		&s.OpsPerSecond, &s.BytesPerSecond, &s.CPUFunction, &s.SoftIRQ)
	// What is not known of a process, and what was not metered.
	for _, number := range []*float64{&s.RSSPeak, &s.PSSPeak} {
		if *number == 0 {
			forget(number)
		}
	}
	if s.CPUUser+s.CPUKernel == 0 {
		forget(&s.CPUUser, &s.CPUKernel, &s.MinorFaults, &s.ContextSwitches)
	}
	if s.Launcher == containerd { // control groups do not count these
		forget(&s.MinorFaults, &s.ContextSwitches)
	}
}

func latencyOf(t *Trial) int64 { return t.Latency }

func (s *Summary) tail(latencies []float64, windows []Window) {
	all := NewHistogram()
	for _, latency := range latencies {
		all.Record(int64(latency))
	}
	for i := range windows {
		if one := windows[i].Latencies; one != nil {
			all.Merge(one.counts())
		}
	}
	s.LatencyP50, s.LatencyP90, s.LatencyP99 = all.Percentile(50), math.NaN(), math.NaN()
	if all.TotalCount() >= 20 {
		s.LatencyP90 = all.Percentile(90)
	}
	if all.TotalCount() >= 200 {
		s.LatencyP99 = all.Percentile(99)
	}
}

func (w Window) ops() float64        { return float64(w.OK) / float64(w.Ns) * 1e9 }
func (w Window) throughput() float64 { return float64(w.Bytes) / float64(w.Ns) * 1e9 }

func (s *Summary) rates(windows []Window) {
	windows = slices.DeleteFunc(slices.Clone(windows), func(w Window) bool { return w.Ns <= 0 })
	s.OpsPerSecond, _, _ = overStarts(each(windows, Window.ops))
	s.BytesPerSecond, s.BytesPerSecondLo, s.BytesPerSecondHi = overStarts(each(windows, Window.throughput))
}

// cpu computes the CPU times that follow from windows alone: the functions' own, interrupts, and how far
// the split into user and kernel mode can be trusted.
func (s *Summary) cpu(windows []Window, tick float64) {
	var functions, source []float64
	var user, kernel, interrupts, ok float64
	for i := range windows {
		w := &windows[i]
		if finite(w.FunctionNs) {
			functions = append(functions, w.FunctionNs)
		}
		if w.Bytes > 0 {
			source = append(source, float64(w.SourceUser+w.SourceKernel)/float64(w.Bytes))
		}
		user += float64(w.SourceUser) + float64(w.TargetUser) + float64(w.ServerUser)
		kernel += float64(w.SourceKernel) + float64(w.TargetKernel) + float64(w.ServerKernel)
		interrupts, ok = interrupts+float64(w.SoftIRQ), ok+float64(w.OK)
	}
	s.SourceCPU, s.SourceCPULo, s.SourceCPUHi = overStarts(source)
	s.CPUFunction, s.SoftIRQ = mean(functions), interrupts/ok
	lo, hi := wilson(kernel/(user+kernel), (user+kernel)/tick)
	s.CPUKernelLo, s.CPUKernelHi = lo*(s.CPUUser+s.CPUKernel), hi*(s.CPUUser+s.CPUKernel)
}

// shortRound is the time below which a round's CPU time is its share of the window's.
const shortRound = 100e3

const reached = 0.95

func (s *Summary) achieved() float64 { return s.OpsPerSecond / float64(max(s.Fanout, 1)) }

// Saturated reports whether the cell's hand-offs were asked for at a rate that it did not reach.
func (s *Summary) Saturated() bool { return s.Rate > 0 && s.achieved() < reached*float64(s.Rate) }

func (s *Summary) note(hasWindows bool, moved float64) {
	var notes []string
	if s.N > 0 && s.Starts < MinimumStarts {
		notes = append(notes, "few starts")
	}
	if s.Saturated() {
		notes = append(notes, fmt.Sprintf("saturated at %.0f/s", s.achieved()))
	}
	if hasWindows && s.MakespanMedian < shortRound {
		notes = append(notes, "window mean")
	}
	if slices.Contains(s.Clocks, ClockAcknowledged) {
		note := ClockAcknowledged
		if len(s.Clocks) > 1 {
			note += " in part" // the other rows are by the clocks' offset
		}
		notes = append(notes, note)
	}
	if moved > 0 && moved < 1 {
		notes = append(notes, fmt.Sprintf("moved %.0f %%", 100*moved))
	}
	s.Notes = strings.Join(notes, "; ")
}

// shareMoved is the part of the hand-offs that were not copied, of a transport that chooses between the two
// each time. It follows from their phases: in one memory, what is copied has no transfer; between two, what is found
// by reference comes in after its transfer, and what is copied with it.
func shareMoved(rows []*Trial) float64 {
	transferred, cameIn := 0, 0
	for _, t := range rows {
		if t.Serialize > 0 || t.CopyOut > 0 || t.Deserialize > 0 {
			return 0
		}
		if t.Transfer > 0 {
			transferred++
		}
		if t.CopyIn > 0 {
			cameIn++
		}
	}
	if transferred < len(rows) {
		return float64(transferred) / float64(len(rows))
	}
	return float64(cameIn) / float64(max(len(rows), 1))
}

func outcome(trials []*Trial, windows []Window) (Status, string) {
	var skipped, failed *Trial
	ran := false
	for _, trial := range trials {
		switch trial.Status {
		case Failed:
			failed = cmp.Or(failed, trial)
		case Skipped:
			skipped = cmp.Or(skipped, trial)
		case OK:
			ran = true
		}
	}
	spoilt := slices.IndexFunc(windows, func(w Window) bool { return w.Failed > 0 })
	switch {
	case failed != nil:
		return Failed, failed.Reason
	case spoilt >= 0:
		return Failed, windows[spoilt].Reason
	case skipped == nil:
		return OK, ""
	case ran:
		return OK, skipped.Reason
	}
	return Skipped, skipped.Reason
}
