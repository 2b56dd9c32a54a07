package results

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// WriteTable prints what a run found for people to read: the cells grouped by size, then
// the failed and the skipped ones with their reasons, then what to know about the numbers.
func WriteTable(w io.Writer, summaries []Summary, transports Transports) error {
	var out strings.Builder
	writeGroups(&out, summaries, transports)
	writeOutcomes(&out, summaries, Failed)
	writeOutcomes(&out, summaries, Skipped)
	writeLegend(&out, summaries)
	_, err := io.WriteString(w, out.String())
	return err
}

// A group is what the rows under one heading have in common.
type group struct {
	experiment, placement string
	size                  int64
}

func groupOf(s *Summary) group { return group{s.Experiment, s.Placement, s.SizeBytes} }

func writeGroups(out *strings.Builder, summaries []Summary, transports Transports) {
	shown := make([]*Summary, 0, len(summaries))
	for i := range summaries {
		if summaries[i].N > 0 {
			shown = append(shown, &summaries[i])
		}
	}
	if len(shown) == 0 {
		return
	}
	// Experiments and placements keep the plan's order.
	experiments, placements := firsts(shown, func(s *Summary) string { return s.Experiment }), firsts(shown, func(s *Summary) string { return s.Placement })
	slices.SortStableFunc(shown, func(a, b *Summary) int {
		return cmp.Or(
			cmp.Compare(experiments[a.Experiment], experiments[b.Experiment]),
			cmp.Compare(placements[a.Placement], placements[b.Placement]),
			cmp.Compare(a.SizeBytes, b.SizeBytes))
	})
	fanouts := firsts(shown, func(s *Summary) int { return s.Fanout })
	concurrencies := firsts(shown, func(s *Summary) int { return s.Concurrency })

	writer := table.NewWriter()
	writer.SetStyle(tableStyle())
	writer.AppendHeader(table.Row{"transport", "engine", "codec", "fan", "conc", "n", "latency [95 % interval]", "consumed", "throughput", "CPU user + kernel", "PSS", "× limit"})
	right := func(number int) table.ColumnConfig {
		return table.ColumnConfig{Number: number, Align: text.AlignRight, AlignHeader: text.AlignRight}
	}
	configs := []table.ColumnConfig{right(4), right(5), right(6), right(7), right(8), right(9), right(10), right(11), right(12)}
	configs[0].Hidden = len(fanouts) < 2
	configs[1].Hidden = len(concurrencies) < 2
	codecs := firsts(shown, func(s *Summary) string { return s.Codec })
	_, none := codecs["none"]
	configs = append(configs, table.ColumnConfig{Number: 3, Hidden: none && len(codecs) == 1})
	limits := limitLatencies(summaries, transports)
	configs[8].Hidden = len(limits) == 0
	writer.SetColumnConfigs(configs)
	var current group
	for i, s := range shown {
		if next := groupOf(s); i == 0 || next != current {
			current = next
			if i > 0 {
				writer.AppendRow(table.Row{""})
			}
			writer.AppendRow(table.Row{current.heading(len(experiments) > 1, len(placements) > 1)})
		}
		writer.AppendRow(table.Row{
			"  " + s.Transport + marks(s), s.Engine, s.Codec, s.Fanout, s.Concurrency, s.N,
			formatInterval(s.LatencyMedian, s.LatencyLo, s.LatencyHi), FormatDuration(s.ConsumedMedian),
			FormatRate(s.BytesPerSecond), formatSum(s.CPUUser, s.CPUKernel), format(s.PSSPeak, sizeScale), ratioToLimit(s, limits, transports),
		})
	}
	for line := range strings.SplitSeq(writer.Render(), "\n") {
		out.WriteString(strings.TrimRight(line, " "))
		out.WriteByte('\n')
	}
}

func firsts[Value comparable](shown []*Summary, field func(*Summary) Value) map[Value]int {
	order := make(map[Value]int)
	for _, s := range shown {
		if _, known := order[field(s)]; !known {
			order[field(s)] = len(order)
		}
	}
	return order
}

func (g group) heading(experiment, placement bool) string {
	heading := FormatSize(float64(g.size))
	if placement && g.placement != "" {
		heading += " · " + g.placement
	}
	if experiment && g.experiment != "" {
		heading += " · " + g.experiment
	}
	return heading
}

func tableStyle() table.Style {
	style := table.StyleDefault
	style.Options = table.Options{SeparateHeader: true}
	style.Box = table.BoxStyle{MiddleHorizontal: "─", MiddleSeparator: "─", MiddleVertical: " ", PaddingRight: " "}
	style.Format.Header = text.FormatDefault
	return style
}

// The marks behind a transport's name; writeLegend explains them.
const (
	failedMark  = "!"
	outlierMark = "°"
	shortMark   = "~"
	clockMark   = "†"
)

func marks(s *Summary) string {
	var marks string
	if s.Status == Failed {
		marks += failedMark
	}
	if s.N < MinimumRounds {
		marks += shortMark
	}
	if s.Outliers > 0 {
		marks += outlierMark
	}
	if len(s.Clocks) > 0 {
		marks += clockMark
	}
	if marks == "" {
		return ""
	}
	return " " + marks
}

func writeLegend(out *strings.Builder, summaries []Summary) {
	var failed, short, unshared bool
	outlying := 0
	for i := range summaries {
		s := &summaries[i]
		if s.N == 0 {
			continue
		}
		failed = failed || s.Status == Failed
		short = short || s.N < MinimumRounds
		unshared = unshared || len(s.Clocks) > 0
		outlying += s.Outliers
	}
	if failed || short || unshared || outlying > 0 {
		out.WriteByte('\n')
	}
	if failed {
		fmt.Fprintf(out, "%s a trial failed; the numbers are of the others\n", failedMark)
	}
	if short {
		fmt.Fprintf(out, "%s fewer than %d rounds: the interval is the smallest to the largest, less than 95 %%\n", shortMark, MinimumRounds)
	}
	if outlying > 0 {
		fmt.Fprintf(out, "%s has outliers (in all: %d; more than %g scaled MADs from the median); none is left out\n", outlierMark, outlying, outlierScore)
	}
	if unshared {
		fmt.Fprintf(out, "%s no clock is shared: the latency is until acknowledged or by an estimated offset, see clock in trials.csv\n", clockMark)
	}
}

// writeOutcomes lists the cells of a status, those of one reason together.
func writeOutcomes(out *strings.Builder, summaries []Summary, status Status) {
	type line struct {
		transport, engine, codec, reason string
	}
	var order []line
	sizes := make(map[line][]string)
	count := 0
	for i := range summaries {
		s := &summaries[i]
		if s.Status != status {
			continue
		}
		count++
		l := line{s.Transport, s.Engine, s.Codec, s.Reason}
		if _, known := sizes[l]; !known {
			order = append(order, l)
		}
		if size := FormatSize(float64(s.SizeBytes)); !slices.Contains(sizes[l], size) {
			sizes[l] = append(sizes[l], size)
		}
	}
	if count == 0 {
		return
	}
	noun := "cells"
	if count == 1 {
		noun = "cell"
	}
	fmt.Fprintf(out, "\n%d %s %s\n", count, noun, status)
	for _, l := range order {
		fmt.Fprintf(out, "  %s %s %s, %s: %s\n", l.transport, l.engine, l.codec, strings.Join(sizes[l], ", "), cmp.Or(l.reason, "no reason given"))
	}
}

// A point is where a transport is compared with its limit: everything of a cell but its
// transport, engine and codec.
func point(c Cell) Cell {
	c.Transport, c.Engine, c.Codec = "", "", ""
	return c
}

func limitLatencies(summaries []Summary, transports Transports) map[string]map[Cell]float64 {
	limits := make(map[string]map[Cell]float64)
	for i := range summaries {
		s := &summaries[i]
		if transports.Of(s.Transport).Family == LimitFamily && s.LatencyMedian > 0 {
			if limits[s.Transport] == nil {
				limits[s.Transport] = make(map[Cell]float64)
			}
			limits[s.Transport][point(s.Cell)] = s.LatencyMedian
		}
	}
	return limits
}

// ratioToLimit holds a cell against the fastest of its transport's limits.
func ratioToLimit(s *Summary, limits map[string]map[Cell]float64, transports Transports) string {
	limit := math.Inf(1)
	for _, name := range transports.Of(s.Transport).Limits {
		if latency, ok := limits[name][point(s.Cell)]; ok {
			limit = min(limit, latency)
		}
	}
	if math.IsInf(limit, 1) || math.IsNaN(s.LatencyMedian) {
		return ""
	}
	ratio := s.LatencyMedian / limit
	switch {
	case ratio >= 100:
		return fmt.Sprintf("%.0f", ratio)
	case ratio >= 10:
		return fmt.Sprintf("%.1f", ratio)
	case ratio < 0.095:
		return fmt.Sprintf("%.2g", ratio)
	}
	return fmt.Sprintf("%.2f", ratio)
}
