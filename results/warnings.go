package results

import (
	"fmt"
	"strings"
)

// Noise is what a cell differs by that one run has measured twice: changes as small are no finding.
type Noise struct {
	Point
	// Ratio is that of the halves' latencies, each the geometric mean of its starts' medians,
	// with Welch's 95 % interval on their logarithms.
	Ratio float64 `json:"ratio"`
	Lo    float64 `json:"lo"`
	Hi    float64 `json:"hi"`
}

// NoiseOf compares the halves of each cell that has two of at least three starts.
func NoiseOf(trials []Trial) (all []Noise) {
	twice := make(map[Point]bool)
	for i := range trials {
		if trials[i].Noise {
			twice[trials[i].Point] = true
		}
	}
	var some []*Trial
	for i := range trials {
		if twice[trials[i].Point] {
			some = append(some, &trials[i])
		}
	}
	order, halves := groups(gather(some, false), func(r round) Point { return r[0].Point })
	latencies := func(starts []start) []float64 {
		return each(starts, func(s start) float64 { return s.handoffs(latencyOf) })
	}
	for _, point := range order {
		rounds := halves[point]
		n := Noise{Point: point}
		n.Ratio, n.Lo, n.Hi = ratioOfStarts(latencies(startsOf(rounds, true)), latencies(startsOf(rounds, false)))
		if finite(n.Lo) && finite(n.Hi) {
			all = append(all, n)
		}
	}
	return all
}

func (n Noise) String() string {
	percent := func(ratio float64) string { return fmt.Sprintf("%+.1f", 100*(ratio-1)) }
	return fmt.Sprintf("noise of this run: %s measured twice differs by %s %% [%s, %s]", n.Name(), percent(n.Ratio), percent(n.Lo), percent(n.Hi))
}

const processLauncher = "process"

// containerd is the launcher that no transport has by itself, and is therefore named.
const containerd = "containerd"

// Name names a cell, with what is not usual of it.
func (p Point) Name() string {
	when := func(is bool, words ...any) string {
		if !is {
			return ""
		}
		return fmt.Sprint(words...)
	}
	words := []string{
		p.Transport, p.Engine, when(p.Codec != "none", p.Codec), when(p.Phase == "", FormatSize(float64(p.SizeBytes))), p.Origin, p.Consume,
		when(p.SizeMix != "", "mix of ", p.SizeMix),
		when(p.Launcher == containerd || p.Phase != "" && p.Launcher != processLauncher, "by ", p.Launcher),
		when(p.Fanout > 1, p.FanoutOrder, " fan-out ", p.Fanout), when(p.Phase != "", "phase ", p.Phase), when(p.Fanin > 1, "fan-in ", p.Fanin),
		when(p.Concurrency > 1, "concurrency ", p.Concurrency), when(p.Rate > 0, "at ", p.Rate, "/s"),
	}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// Warnings lists what a reader of the statistics must know, one line each.
func Warnings(summaries []Summary, transports Transports, noise []Noise) []string {
	var warnings []string
	short, outlying, outliers := 0, 0, 0
	for i := range summaries {
		s := &summaries[i]
		if s.N > 0 && s.Starts < MinimumStarts {
			short++
		}
		if outliers += s.Outliers; s.Outliers > 0 {
			outlying++
		}
	}
	if short > 0 {
		warnings = append(warnings, fmt.Sprintf("%d cells have fewer than %d starts: their intervals are wide, and there is none below %d; use more --starts", short, MinimumStarts, leastForInterval))
	}
	if outlying > 0 {
		warnings = append(warnings, fmt.Sprintf("%d hand-offs in %d cells are outliers (more than %g scaled median absolute deviations from the median); they count in every statistic", outliers, outlying, outlierScore))
	}
	for _, n := range noise {
		warnings = append(warnings, n.String())
	}
	return append(warnings, beaten(summaries, transports)...)
}

// beaten names the cells that are faster than all of their limits by more than noise.
func beaten(summaries []Summary, transports Transports) (lines []string) {
	limits := LimitsOf(summaries, transports)
	for i := range summaries {
		s := &summaries[i]
		limit := limits.Of(s, transports)
		if limit == nil || !(s.LatencyHi < limit.LatencyLo) {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s takes %s and beats its limit, %s with %s: that is no limit", s.Name(),
			FormatInterval(s.LatencyMedian, s.LatencyLo, s.LatencyHi), limit.Transport, FormatInterval(limit.LatencyMedian, limit.LatencyLo, limit.LatencyHi)))
	}
	return First(lines, "and %d more cells beat their limits")
}

// First keeps the first few lines, and one that counts the others.
func First(lines []string, others string) []string {
	const few = 5
	if len(lines) <= few {
		return lines
	}
	return append(lines[:few:few], fmt.Sprintf(others, len(lines)-few))
}

// Limits are the cells of what does work without functions, by where a transport is compared with them.
type Limits map[Point]*Summary

// limitOf is a limit's everything but what it does not have, or does not vary with, where a cell is compared with it.
func limitOf(p Point, limit string) Point {
	p.Transport, p.Engine, p.Codec, p.Origin, p.Consume, p.Launcher, p.Load = limit, "", "", "", "", "", Load{}
	return p
}

// LimitsOf finds the limits among a run's cells.
func LimitsOf(summaries []Summary, transports Transports) Limits {
	all := make(Limits)
	for i := range summaries {
		s := &summaries[i]
		if transports.Of(s.Transport).Family != LimitFamily || !(s.LatencyMedian > 0) {
			continue
		}
		if at := limitOf(s.Point(), s.Transport); all[at] == nil {
			all[at] = s
		}
	}
	return all
}

// Of is the fastest of the limits of a cell's transport, or nil.
func (l Limits) Of(s *Summary, transports Transports) (fastest *Summary) {
	for _, name := range transports.Of(s.Transport).Limits {
		if limit := l[limitOf(s.Point(), name)]; limit != nil && (fastest == nil || limit.LatencyMedian < fastest.LatencyMedian) {
			fastest = limit
		}
	}
	return fastest
}
