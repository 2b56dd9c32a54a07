package results

import (
	"fmt"
	"strings"
)

// Noise is what a cell that was measured twice in one run, by two halves of its starts, tells of
// the run: changes as small as the difference are no finding.
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
	order, halves := groups(gather(some, false), func(r Round) Point { return r.Point })
	latency := func(r *Round) float64 { return r.median(latencyOf) }
	for _, point := range order {
		rounds := halves[point]
		n := Noise{Point: point}
		n.Ratio, n.Lo, n.Hi = ratioOfStarts(startsOf(rounds, true).medians(latency), startsOf(rounds, false).medians(latency))
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

// processLauncher is the launcher of what is in no container.
const processLauncher = "process"

// containerd is the launcher that no transport has by itself, and is therefore named.
const containerd = "containerd"

// Name names a cell, with what is not usual of it.
func (p Point) Name() string {
	words := []string{p.Transport, p.Engine}
	if p.Codec != "none" {
		words = append(words, p.Codec)
	}
	if p.Phase == "" {
		words = append(words, FormatSize(float64(p.SizeBytes)))
	}
	words = append(words, p.Origin, p.Consume)
	if p.SizeMix != "" {
		words = append(words, "mix of", p.SizeMix)
	}
	if p.Launcher == containerd || p.Phase != "" && p.Launcher != processLauncher {
		words = append(words, "by", p.Launcher)
	}
	if p.Fanout > 1 {
		words = append(words, p.FanoutOrder, fmt.Sprintf("fan-out %d", p.Fanout))
	}
	if p.Phase != "" {
		words = append(words, "phase "+p.Phase)
	}
	if p.Fanin > 1 {
		words = append(words, fmt.Sprintf("fan-in %d", p.Fanin))
	}
	if p.Concurrency > 1 {
		words = append(words, fmt.Sprintf("concurrency %d", p.Concurrency))
	}
	if p.Rate > 0 {
		words = append(words, fmt.Sprintf("at %d/s", p.Rate))
	}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// Warnings lists what a reader of the statistics must know, one line each.
func Warnings(summaries []Summary, transports Transports, noise []Noise) []string {
	var warnings []string
	short, outlying, outliers := 0, 0, 0
	for i := range summaries {
		if summaries[i].N > 0 && summaries[i].Starts < MinimumStarts {
			short++
		}
		if summaries[i].Outliers > 0 {
			outlying++
			outliers += summaries[i].Outliers
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

// beaten names the cells that are faster than all of their limits by more than noise: what they
// beat limits nothing.
func beaten(summaries []Summary, transports Transports) (lines []string) {
	const named = 5
	limits, count := LimitsOf(summaries, transports), 0
	for i := range summaries {
		s := &summaries[i]
		limit := limits.Of(s, transports)
		if limit == nil || !(s.LatencyHi < limit.LatencyLo) {
			continue
		}
		if count++; count <= named {
			lines = append(lines, fmt.Sprintf("%s takes %s and beats its limit, %s with %s: that is no limit", s.point().Name(),
				FormatInterval(s.LatencyMedian, s.LatencyLo, s.LatencyHi), limit.Transport, FormatInterval(limit.LatencyMedian, limit.LatencyLo, limit.LatencyHi)))
		}
	}
	if count > named {
		lines = append(lines, fmt.Sprintf("and %d more cells beat their limits", count-named))
	}
	return lines
}

// Limits are the cells of what does work without functions, by transport and by where a
// transport is compared with it.
type Limits map[string]map[Point]*Summary

// besideLimit is everything of a cell but what a limit does not have, or does not vary with.
func besideLimit(p Point) Point {
	p.Transport, p.Engine, p.Codec, p.Origin, p.Consume, p.Launcher, p.Load = "", "", "", "", "", "", Load{}
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
		if all[s.Transport] == nil {
			all[s.Transport] = make(map[Point]*Summary)
		}
		if at := besideLimit(s.point()); all[s.Transport][at] == nil {
			all[s.Transport][at] = s
		}
	}
	return all
}

// Of is the fastest of the limits of a cell's transport, or nil.
func (l Limits) Of(s *Summary, transports Transports) (fastest *Summary) {
	for _, name := range transports.Of(s.Transport).Limits {
		if limit := l[name][besideLimit(s.point())]; limit != nil && (fastest == nil || limit.LatencyMedian < fastest.LatencyMedian) {
			fastest = limit
		}
	}
	return fastest
}
