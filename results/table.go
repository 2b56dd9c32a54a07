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
	"github.com/dustin/go-humanize/english"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// WriteTable prints what a run found for people to read.
func WriteTable(w io.Writer, summaries []Summary, transports Transports) error {
	var out strings.Builder
	for i, writer := range tablesOf(summaries, transports) {
		if i > 0 {
			out.WriteByte('\n')
		}
		for line := range strings.SplitSeq(writer.Render(), "\n") {
			out.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	writeOutcomes(&out, summaries, Failed)
	writeOutcomes(&out, summaries, Skipped)
	writeLegend(&out, summaries)
	_, err := io.WriteString(w, out.String())
	return err
}

// WriteMarkdown prints the cells as a Markdown table, grouped by size.
func WriteMarkdown(w io.Writer, summaries []Summary, transports Transports) error {
	for _, writer := range tablesOf(summaries, transports) {
		if _, err := fmt.Fprintln(w, writer.RenderMarkdown()); err != nil {
			return err
		}
	}
	return nil
}

// tablesOf has a table with a row for each cell of hand-offs with a whole round, if there is any, and those of programs.
func tablesOf(summaries []Summary, transports Transports) []table.Writer {
	programs := programTables(summaries)
	shown := make([]*Summary, 0, len(summaries))
	for i := range summaries {
		if summaries[i].N > 0 && summaries[i].Phase == "" {
			shown = append(shown, &summaries[i])
		}
	}
	if len(shown) == 0 {
		return programs
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
	for i, s := range shown {
		heading := FormatSize(float64(s.SizeBytes))
		if len(placements) > 1 && s.Placement != "" {
			heading += " · " + s.Placement
		}
		if len(experiments) > 1 && s.Experiment != "" {
			heading += " · " + s.Experiment
		}
		if i == 0 {
			writer.AppendRow(table.Row{heading})
		} else if last := shown[i-1]; last.SizeBytes != s.SizeBytes || last.Placement != s.Placement || last.Experiment != s.Experiment {
			writer.AppendRows([]table.Row{{""}, {heading}})
		}
		var row table.Row
		for _, c := range columns {
			row = append(row, c.of(s))
		}
		writer.AppendRow(row)
	}
	return slices.Insert(programs, 0, writer)
}

type tableColumn struct {
	title string
	right bool
	of    func(*Summary) string
}

// columnsOf leaves out what is the same for all rows, unless it is a number that was measured.
func columnsOf(shown []*Summary, limits Limits, transports Transports) []tableColumn {
	count := strconv.Itoa
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

// The marks behind a transport's name, and their legend.
var allMarks = []struct {
	mark   string
	of     func(*Summary) bool
	legend string
}{
	{"!", func(s *Summary) bool { return s.Status == Failed }, "a trial failed; the numbers are of the others"},
	{"~", func(s *Summary) bool { return s.Starts < MinimumStarts },
		fmt.Sprintf("fewer than %d starts: the interval is wide, and there is none below %d", MinimumStarts, leastForInterval)},
	{"°", func(s *Summary) bool { return s.Outliers > 0 },
		fmt.Sprintf("has outliers (in all: {outliers}; more than %g scaled MADs from the median); none is left out", outlierScore)},
	{"†", func(s *Summary) bool { return len(s.Clocks) > 0 }, "no clock is shared: the latency is until acknowledged or by an estimated offset, see clock in trials.csv"},
	{"^", (*Summary).Saturated, "saturated: the rate was not reached, see notes in summary.csv"},
}

func marks(s *Summary) string {
	marks := " "
	for _, m := range allMarks {
		if m.of(s) {
			marks += m.mark
		}
	}
	return strings.TrimRight(marks, " ")
}

func writeLegend(out *strings.Builder, summaries []Summary) {
	shown, outlying := make(map[string]bool), 0
	for i := range summaries {
		if s := &summaries[i]; s.N > 0 {
			outlying += s.Outliers
			for _, m := range allMarks {
				shown[m.mark] = shown[m.mark] || m.of(s)
			}
		}
	}
	separator := "\n"
	for _, m := range allMarks {
		if shown[m.mark] {
			fmt.Fprintf(out, "%s%s %s\n", separator, m.mark, strings.Replace(m.legend, "{outliers}", strconv.Itoa(outlying), 1))
			separator = ""
		}
	}
}

// writeOutcomes lists the cells of a status, those of one reason together.
func writeOutcomes(out *strings.Builder, summaries []Summary, status Status) {
	type line struct {
		transport, engine, codec, launcher, reason string
	}
	cells := slices.DeleteFunc(slices.Clone(summaries), func(s Summary) bool { return s.Status != status })
	if len(cells) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%d %s %s\n", len(cells), english.PluralWord(len(cells), "cell", ""), status)
	order, alike := groups(cells, func(s Summary) line {
		if s.IsProgram() { // the programs of a runtime fail and lack alike
			return line{s.Experiment, s.Engine, "", s.Launcher, s.Reason}
		}
		return line{s.Transport, s.Engine, s.Codec, "", s.Reason}
	})
	for _, l := range order {
		sizes, _ := groups(alike[l], func(s Summary) string {
			if _, program, _ := strings.Cut(s.Transport, "/"); s.IsProgram() {
				return program
			}
			return FormatSize(float64(s.SizeBytes))
		})
		if len(sizes) > 3 && l.launcher != "" {
			sizes = []string{fmt.Sprintf("%d programs", len(sizes))}
		}
		name := strings.TrimSpace(l.transport + " " + l.engine + " " + l.codec)
		if l.launcher != "" && l.launcher != processLauncher {
			name += " in a container by " + l.launcher
		}
		fmt.Fprintf(out, "  %s, %s: %s\n", name, strings.Join(sizes, ", "), cmp.Or(l.reason, "no reason given"))
	}
}

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
