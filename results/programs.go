package results

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// Phases that are of a whole run, of which memory and CPU time are shown; idlePhase is that of instances that wait.
const (
	totalPhase = "total"
	idlePhase  = "idle"
)

// A programRow is a program on a runtime: its phases.
type programRow struct {
	*Summary
	phases map[string]*Summary
}

// writePrograms prints what programs took, a row a runtime and a column a phase.
func writePrograms(out *strings.Builder, summaries []Summary) {
	for _, writer := range programTables(summaries) {
		if out.Len() > 0 {
			out.WriteByte('\n')
		}
		render(out, writer)
	}
}

// programTables has one table for each experiment of programs, and one for idle instances.
func programTables(summaries []Summary) (tables []table.Writer) {
	type kind struct {
		experiment string
		idle       bool
	}
	var kinds []kind
	rows := make(map[kind][]*programRow)
	at := make(map[Point]*programRow)
	for i := range summaries {
		s := &summaries[i]
		if s.N == 0 || s.Phase == "" {
			continue
		}
		k := kind{s.Experiment, s.Phase == idlePhase}
		if rows[k] == nil {
			kinds = append(kinds, k)
		}
		key := s.point()
		key.Phase = ""
		if s.Phase == idlePhase {
			key.Phase = idlePhase
		}
		if at[key] == nil {
			at[key] = &programRow{s, make(map[string]*Summary)}
			rows[k] = append(rows[k], at[key])
		}
		at[key].phases[s.Phase] = s
	}
	for _, k := range kinds {
		if k.idle {
			tables = append(tables, idleTable(rows[k]))
		} else {
			tables = append(tables, phaseTable(rows[k]))
		}
	}
	return tables
}

// IsProgram says that a cell is of a program's run, also where it was skipped and has no phase.
func (c Cell) IsProgram() bool {
	return strings.HasPrefix(c.Transport, "compute/") || strings.HasPrefix(c.Transport, "coldstart/")
}

// Runtime names what ran a program: an engine, a command or "native", and what made its container.
func (s *Summary) Runtime() string {
	if s.Launcher != "" && s.Launcher != processLauncher {
		return s.Engine + " by " + s.Launcher
	}
	return s.Engine
}

func phaseTable(rows []*programRow) table.Writer {
	var phases []string
	for _, r := range rows {
		for name := range r.phases {
			if !slices.Contains(phases, name) && name != totalPhase {
				phases = append(phases, name)
			}
		}
	}
	order := []string{"pull", "unpack", "create", "start", "compile", "compile-cached", "instantiate", "first-byte", "run"}
	slices.SortFunc(phases, func(a, b string) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a), slices.Index(order, b)), cmp.Compare(a, b))
	})
	header := table.Row{"program", "runtime", "n"}
	for _, name := range phases {
		header = append(header, name)
	}
	writer := alignedTable(append(header, "total [95 % interval]", "CPU user + kernel", "peak RSS"), 2)
	for i, r := range rows {
		if i > 0 && r.Transport != rows[i-1].Transport {
			writer.AppendRow(table.Row{""})
		}
		row := table.Row{r.Transport + marks(r.Summary), r.Runtime(), r.N}
		for _, name := range phases {
			row = append(row, phaseCell(r.phases[name], func(s *Summary) string { return FormatDuration(s.LatencyMedian) }))
		}
		total := r.phases[totalPhase]
		row = append(row,
			phaseCell(total, func(s *Summary) string { return FormatInterval(s.LatencyMedian, s.LatencyLo, s.LatencyHi) }),
			phaseCell(total, func(s *Summary) string { return FormatSum(s.CPUUser, s.CPUKernel) }),
			phaseCell(total, func(s *Summary) string { return format(s.RSSPeak, sizeScale) }))
		writer.AppendRow(row)
	}
	return writer
}

func phaseCell(s *Summary, text func(*Summary) string) string {
	if s == nil {
		return ""
	}
	return text(s)
}

func idleTable(rows []*programRow) table.Writer {
	writer := alignedTable(table.Row{"idle instances of", "runtime", "n", "instances", "all made after", "PSS of all", "PSS of one"}, 2)
	for _, r := range rows {
		s := r.phases[idlePhase]
		writer.AppendRow(table.Row{s.Transport + marks(s), s.Runtime(), s.N, s.Concurrency, FormatDuration(s.LatencyMedian),
			format(s.PSSPeak, sizeScale), format(s.PSSPeak/float64(max(s.Concurrency, 1)), sizeScale)})
	}
	return writer
}
