package results

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// Phases that are of a whole run, of which memory and CPU time are shown; idlePhase is that of instances that wait.
const (
	totalPhase = "total"
	idlePhase  = "idle"
)

type programRow struct {
	*Summary
	phases map[string]*Summary
}

// programTables has one table for each experiment of programs, and one for idle instances.
func programTables(summaries []Summary) (tables []table.Writer) {
	type kind struct {
		experiment string
		idle       bool
	}
	shown := slices.DeleteFunc(slices.Clone(summaries), func(s Summary) bool { return s.N == 0 || s.Phase == "" })
	kinds, of := groups(shown, func(s Summary) kind { return kind{s.Experiment, s.Phase == idlePhase} })
	for _, k := range kinds {
		points, cells := groups(of[k], func(s Summary) Point {
			p := s.Point()
			p.Phase = ""
			return p
		})
		rows := make([]*programRow, len(points))
		for i, p := range points {
			rows[i] = &programRow{&cells[p][0], make(map[string]*Summary)}
			for j := range cells[p] {
				rows[i].phases[cells[p][j].Phase] = &cells[p][j]
			}
		}
		if k.idle {
			tables = append(tables, idleTable(rows))
		} else {
			tables = append(tables, phaseTable(rows))
		}
	}
	return tables
}

// IsProgram reports whether a cell is of a program's run, also where it was skipped and has no phase.
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
	named := make(map[string]*Summary)
	for _, r := range rows {
		maps.Copy(named, r.phases)
	}
	delete(named, totalPhase)
	order := []string{"pull", "unpack", "create", "start", "compile", "compile-cached", "instantiate", "first-byte", "run"}
	phases := slices.SortedFunc(maps.Keys(named), func(a, b string) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a), slices.Index(order, b)), cmp.Compare(a, b))
	})
	header := table.Row{"program", "runtime", "n"}
	for _, name := range phases {
		header = append(header, name)
	}
	writer := alignedTable(append(header, "total [95 % interval]", "CPU user + kernel", "peak RSS"), 2)
	none := &Summary{LatencyMedian: math.NaN(), CPUUser: math.NaN(), RSSPeak: math.NaN()} // of which nothing is shown
	for i, r := range rows {
		if i > 0 && r.Transport != rows[i-1].Transport {
			writer.AppendRow(table.Row{""})
		}
		row := table.Row{r.Transport + marks(r.Summary), r.Runtime(), r.N}
		for _, name := range phases {
			row = append(row, FormatDuration(cmp.Or(r.phases[name], none).LatencyMedian))
		}
		total := cmp.Or(r.phases[totalPhase], none)
		writer.AppendRow(append(row, FormatInterval(total.LatencyMedian, total.LatencyLo, total.LatencyHi),
			FormatSum(total.CPUUser, total.CPUKernel), format(total.RSSPeak, sizeScale)))
	}
	return writer
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
