//go:build linux

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"rrbench/results"
	"rrbench/runtimes"
	"rrbench/sweep"
	"rrbench/transport"
)

// printOutcome writes the table and the paths of the results.
func printOutcome(o *sweep.Outcome, figures int) {
	_ = results.WriteTable(stdout, o.Summaries, o.Transports)
	for _, warning := range o.Warnings {
		fmt.Fprintln(stdout, "note:", warning)
	}
	_ = o.SetUps.Write(stdout)
	if took := time.Duration(o.TookNs); took > 0 {
		fmt.Fprintf(stdout, "\nthe run took %v, %.0f %% of it measuring\n", took.Round(time.Second), 100*float64(o.MeasuredNs)/float64(o.TookNs))
	}
	written := o.Files
	if figures > 0 {
		written = append(written, fmt.Sprintf("%d files in figures/", figures))
	}
	fmt.Fprintf(stdout, "\nresults: %s  (%s)\n", o.Directory, strings.Join(written, ", "))
}

// printPlan writes the plan's cells, and how much time and memory they take.
func printPlan(p *sweep.Planned) {
	skipped, peak := 0, int64(0)
	for _, cell := range p.Cells {
		var line string
		if cell.Kind != "" {
			line = fmt.Sprintf("%-10s  %-24s on %-18s by %-8s", cell.Experiment, cell.Payload, cell.Engine, cell.Launcher)
			if cell.Concurrency > 1 || cell.Phases == runtimes.Idle {
				line += fmt.Sprintf("  %d idle", cell.Concurrency)
			}
		} else {
			line = fmt.Sprintf("%-10s  %-16s %-9s %-8s %10s  fan-out %-4d concurrency %d", cell.Experiment, cell.Transport, cell.Engine,
				cell.Codec, humanize.IBytes(uint64(cell.SizeBytes)), cell.Fanout, cell.Concurrency) + conditions(cell.Point)
			if p.Infos[cmp.Or(cell.Route, cell.Transport)].Crossover() != nil {
				line += "  crossover " + cell.Parameter
			}
		}
		switch {
		case cell.Skip != "":
			skipped++
			line += "  skipped: " + cell.Skip
		case cell.Kind == "":
			peak = max(peak, p.Memory(cell))
		}
		fmt.Fprintln(stdout, strings.TrimRight(line, " "))
	}
	if p.Crossovers != "" {
		fmt.Fprintln(stdout, "\ncrossovers:", p.Crossovers)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintln(stdout, "note:", warning)
	}
	fmt.Fprintf(stdout, "\n%d cells, %d skipped; %s, %d warm-up rounds a start; seed %d\n"+
		"about %v, at most about %s of memory; results would go to %s\n",
		len(p.Cells), skipped, repetitions(p.Cells), p.Warmup, p.Seed,
		p.Estimate(p.Infos).Round(time.Second), humanize.IBytes(uint64(peak)), p.Out)
}

// repetitions lists how often cells are measured.
func repetitions(cells []sweep.PlannedCell) string {
	var all []string
	for _, cell := range cells {
		if text := fmt.Sprintf("%d rounds in %d starts", cell.Reps, cell.Starts); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return strings.Join(all, ", or ")
}

// conditions lists the other properties by which cells differ, with two spaces before them.
func conditions(p results.Point) string {
	words := []string{p.Origin, p.Consume}
	if p.SizeMix != "" {
		words = append(words, "mix of "+p.SizeMix)
	}
	if p.Launcher == transport.LauncherContainerd {
		words = append(words, "by "+p.Launcher)
	}
	if p.Rate > 0 {
		words = append(words, fmt.Sprintf("%d/s", p.Rate))
	}
	if p.Fanin > 1 {
		words = append(words, fmt.Sprintf("fan-in %d", p.Fanin))
	}
	if p.Fanout > 1 {
		words = append(words, p.FanoutOrder)
	}
	return strings.TrimRight("  "+strings.Join(strings.Fields(strings.Join(words, " ")), " "), " ")
}
