package results

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// WriteTable prints what a run found for people to read: the cells grouped by size, then
// the failed and the skipped ones with their reasons, then what to know about the numbers.
func WriteTable(w io.Writer, summaries []Summary, transports Transports) error {
	var out strings.Builder
	if writer := groupsOf(summaries, transports); writer != nil {
		render(&out, writer)
	}
	writePrograms(&out, summaries)
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

// WriteMarkdown prints the cells as a Markdown table, grouped by size.
func WriteMarkdown(w io.Writer, summaries []Summary, transports Transports) error {
	for _, writer := range append([]table.Writer{groupsOf(summaries, transports)}, programTables(summaries)...) {
		if writer == nil {
			continue
		}
		if _, err := fmt.Fprintln(w, writer.RenderMarkdown()); err != nil {
			return err
		}
	}
	return nil
}

func render(out *strings.Builder, writer table.Writer) {
	for line := range strings.SplitSeq(writer.Render(), "\n") {
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// groupsOf has a row a cell with a whole round, or is nil without any.
func groupsOf(summaries []Summary, transports Transports) table.Writer {
	shown := make([]*Summary, 0, len(summaries))
	for i := range summaries {
		if summaries[i].N > 0 && summaries[i].Phase == "" {
			shown = append(shown, &summaries[i])
		}
	}
	if len(shown) == 0 {
		return nil
	}
	// Experiments and placements keep the plan's order.
	experiments, placements := firsts(shown, func(s *Summary) string { return s.Experiment }), firsts(shown, func(s *Summary) string { return s.Placement })
	slices.SortStableFunc(shown, func(a, b *Summary) int {
		return cmp.Or(
			cmp.Compare(experiments[a.Experiment], experiments[b.Experiment]),
			cmp.Compare(placements[a.Placement], placements[b.Placement]),
			cmp.Compare(a.SizeBytes, b.SizeBytes))
	})
	columns := columnsOf(shown, LimitsOf(summaries, transports), transports)
	var header table.Row
	for _, c := range columns {
		header = append(header, c.title)
	}
	writer := alignedTable(header, slices.IndexFunc(columns, func(c tableColumn) bool { return c.right }))
	var current group
	for i, s := range shown {
		if next := groupOf(s); i == 0 || next != current {
			current = next
			if i > 0 {
				writer.AppendRow(table.Row{""})
			}
			writer.AppendRow(table.Row{current.heading(len(experiments) > 1, len(placements) > 1)})
		}
		var row table.Row
		for _, c := range columns {
			row = append(row, c.of(s))
		}
		writer.AppendRow(row)
	}
	return writer
}

// A tableColumn is one of the table. Numbers, on the right, are behind all texts.
type tableColumn struct {
	title string
	right bool
	of    func(*Summary) string
}

// columnsOf leaves out what is the same for all rows, unless it is a number that was measured.
func columnsOf(shown []*Summary, limits Limits, transports Transports) []tableColumn {
	count := func(number int) string { return strconv.Itoa(number) }
	varying := []tableColumn{
		{"origin", false, func(s *Summary) string { return s.Origin }},
		{"consume", false, func(s *Summary) string { return s.Consume }},
		{"size mix", false, func(s *Summary) string { return cmp.Or(s.SizeMix, "–") }},
		{"order", false, func(s *Summary) string { return s.FanoutOrder }},
		{"launcher", false, func(s *Summary) string { return s.Launcher }},
		{"fan", true, func(s *Summary) string { return count(s.Fanout) }},
		{"fan-in", true, func(s *Summary) string { return count(s.Fanin) }},
		{"conc", true, func(s *Summary) string { return count(s.Concurrency) }},
		{"rate/s", true, func(s *Summary) string {
			if s.Rate == 0 {
				return "–"
			}
			return humanize.Comma(int64(s.Rate))
		}},
	}
	varying = slices.DeleteFunc(varying, func(c tableColumn) bool {
		values := firsts(shown, c.of)
		delete(values, "") // a transport that does not know the condition
		return len(values) < 2
	})
	if slices.ContainsFunc(shown, func(s *Summary) bool { return s.Codec != "none" }) {
		varying = slices.Insert(varying, 0, tableColumn{"codec", false, func(s *Summary) string { return s.Codec }})
	}
	columns := slices.Concat([]tableColumn{
		{"transport", false, func(s *Summary) string { return "  " + s.Transport + marks(s) }},
		{"engine", false, func(s *Summary) string { return s.Engine }},
	}, varying, []tableColumn{
		{"n", true, func(s *Summary) string { return count(s.N) }},
		{"latency [95 % interval]", true, func(s *Summary) string { return FormatInterval(s.LatencyMedian, s.LatencyLo, s.LatencyHi) }},
		{"consumed", true, func(s *Summary) string { return FormatDuration(s.ConsumedMedian) }},
		{"cycle", true, func(s *Summary) string { return FormatDuration(s.CycleMedian) }},
		{"throughput", true, func(s *Summary) string { return FormatRate(s.BytesPerSecond) }},
		{"CPU user + kernel", true, func(s *Summary) string { return FormatSum(s.CPUUser, s.CPUKernel) }},
		{"PSS", true, func(s *Summary) string { return format(s.PSSPeak, sizeScale) }},
	})
	if len(limits) > 0 {
		columns = append(columns, tableColumn{"× limit", true, func(s *Summary) string { return ratioToLimit(s, limits.Of(s, transports)) }})
	}
	return columns
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

// alignedTable has so many columns of text on the left.
func alignedTable(header table.Row, left int) table.Writer {
	style := table.StyleDefault
	style.Options = table.Options{SeparateHeader: true}
	style.Box = table.BoxStyle{MiddleHorizontal: "─", MiddleSeparator: "─", MiddleVertical: " ", PaddingRight: " "}
	style.Format.Header = text.FormatDefault
	writer := table.NewWriter()
	writer.SetStyle(style)
	writer.AppendHeader(header)
	var configs []table.ColumnConfig
	for i := range header[left:] {
		configs = append(configs, table.ColumnConfig{Number: left + i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	writer.SetColumnConfigs(configs)
	return writer
}

// PlainTable is one without lines, as commands print them.
func PlainTable(w io.Writer) table.Writer {
	out := table.NewWriter()
	out.SetOutputMirror(w)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	out.SetStyle(style)
	return out
}

// The marks behind a transport's name; writeLegend explains them.
const (
	failedMark  = "!"
	outlierMark = "°"
	shortMark   = "~"
	clockMark   = "†"
	fullMark    = "^"
)

func marks(s *Summary) string {
	var marks string
	if s.Status == Failed {
		marks += failedMark
	}
	if s.Starts < MinimumStarts {
		marks += shortMark
	}
	if s.Outliers > 0 {
		marks += outlierMark
	}
	if len(s.Clocks) > 0 {
		marks += clockMark
	}
	if s.Saturated() {
		marks += fullMark
	}
	if marks == "" {
		return ""
	}
	return " " + marks
}

func writeLegend(out *strings.Builder, summaries []Summary) {
	var failed, short, unshared, saturated bool
	outlying := 0
	for i := range summaries {
		s := &summaries[i]
		if s.N == 0 {
			continue
		}
		failed = failed || s.Status == Failed
		short = short || s.Starts < MinimumStarts
		unshared = unshared || len(s.Clocks) > 0
		saturated = saturated || s.Saturated()
		outlying += s.Outliers
	}
	if failed || short || unshared || saturated || outlying > 0 {
		out.WriteByte('\n')
	}
	if failed {
		fmt.Fprintf(out, "%s a trial failed; the numbers are of the others\n", failedMark)
	}
	if short {
		fmt.Fprintf(out, "%s fewer than %d starts: the interval is wide, and there is none below %d\n", shortMark, MinimumStarts, leastForInterval)
	}
	if outlying > 0 {
		fmt.Fprintf(out, "%s has outliers (in all: %d; more than %g scaled MADs from the median); none is left out\n", outlierMark, outlying, outlierScore)
	}
	if unshared {
		fmt.Fprintf(out, "%s no clock is shared: the latency is until acknowledged or by an estimated offset, see clock in trials.csv\n", clockMark)
	}
	if saturated {
		fmt.Fprintf(out, "%s saturated: the rate was not reached, see notes in summary.csv\n", fullMark)
	}
}

// writeOutcomes lists the cells of a status, those of one reason together.
func writeOutcomes(out *strings.Builder, summaries []Summary, status Status) {
	type line struct {
		transport, engine, codec, launcher, reason string
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
		l := line{s.Transport, s.Engine, s.Codec, "", s.Reason}
		if s.IsProgram() { // the programs of a runtime fail and lack alike
			l.transport, l.codec, l.launcher = s.Experiment, "", s.Launcher
		}
		if _, known := sizes[l]; !known {
			order = append(order, l)
		}
		size := FormatSize(float64(s.SizeBytes))
		if s.IsProgram() {
			_, size, _ = strings.Cut(s.Transport, "/")
		}
		if !slices.Contains(sizes[l], size) {
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
		if len(sizes[l]) > 3 && l.launcher != "" {
			sizes[l] = []string{fmt.Sprintf("%d programs", len(sizes[l]))}
		}
		name := strings.TrimSpace(l.transport + " " + l.engine + " " + l.codec)
		if l.launcher != "" && l.launcher != processLauncher {
			name += " in a container by " + l.launcher
		}
		fmt.Fprintf(out, "  %s, %s: %s\n", name, strings.Join(sizes[l], ", "), cmp.Or(l.reason, "no reason given"))
	}
}

// ratioToLimit holds a cell against the fastest of its transport's limits.
func ratioToLimit(s, limit *Summary) string {
	if limit == nil || math.IsNaN(s.LatencyMedian) {
		return ""
	}
	ratio := s.LatencyMedian / limit.LatencyMedian
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
