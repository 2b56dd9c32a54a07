//go:build linux

package main

import (
	"cmp"
	"fmt"
	"io"
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
func printOutcome(w io.Writer, o *sweep.Outcome, figures int) error {
	if err := results.WriteTable(w, o.Summaries, o.Transports); err != nil {
		return err
	}
	for _, warning := range o.Warnings {
		fmt.Fprintln(w, "note:", warning)
	}
	if err := o.SetUps.Write(w); err != nil {
		return err
	}
	if o.Took > 0 {
		fmt.Fprintf(w, "\nthe run took %v, %.0f %% of it measuring\n", o.Took.Round(time.Second), 100*o.Measured.Seconds()/o.Took.Seconds())
	}
	written := o.Files
	if figures > 0 {
		written = append(written, fmt.Sprintf("%d files in figures/", figures))
	}
	_, err := fmt.Fprintf(w, "\nresults: %s  (%s)\n", o.Directory, strings.Join(written, ", "))
	return err
}

// printPlan writes the plan's cells and what it takes to run them.
func printPlan(w io.Writer, p *sweep.Planned) error {
	skipped, peak := 0, int64(0)
	for _, cell := range p.Cells {
		if cell.Kind != "" {
			line := fmt.Sprintf("%-10s  %-24s on %-18s by %-8s", cell.Experiment, cell.Payload, cell.Engine, cell.Launcher)
			if cell.Concurrency > 1 || cell.Phases == runtimes.Idle {
				line += fmt.Sprintf("  %d idle", cell.Concurrency)
			}
			if cell.Skip != "" {
				skipped++
				line += "  skipped: " + cell.Skip
			}
			if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")); err != nil {
				return err
			}
			continue
		}
		line := fmt.Sprintf("%-10s  %-16s %-9s %-8s %10s  fan-out %-4d concurrency %d", cell.Experiment, cell.Transport, cell.Engine,
			cell.Codec, humanize.IBytes(uint64(cell.SizeBytes)), cell.Fanout, cell.Concurrency)
		line += conditions(cell.Point)
		if p.Infos[cmp.Or(cell.Route, cell.Transport)].Crossover() != nil {
			line += "  crossover " + cell.Parameter
		}
		if cell.Skip != "" {
			skipped++
			line += "  skipped: " + cell.Skip
		} else {
			peak = max(peak, p.Memory(cell))
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	if p.Crossovers != "" {
		fmt.Fprintln(w, "\ncrossovers:", p.Crossovers)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintln(w, "note:", warning)
	}
	_, err := fmt.Fprintf(w, "\n%d cells, %d skipped; %s, %d warm-up rounds a start; seed %d\n"+
		"about %v, at most about %s of memory; results would go to %s\n",
		len(p.Cells), skipped, repetitions(p.Cells), p.Warmup, p.Seed,
		p.Estimate(p.Infos).Round(time.Second), humanize.IBytes(uint64(peak)), p.Out)
	return err
}

// repetitions says how often cells are measured.
func repetitions(cells []sweep.PlannedCell) string {
	var all []string
	for _, cell := range cells {
		if text := fmt.Sprintf("%d rounds in %d starts", cell.Reps, cell.Starts); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return strings.Join(all, ", or ")
}

// conditions is what else tells one cell from another, with two spaces before it.
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
	text := strings.Join(strings.Fields(strings.Join(words, " ")), " ")
	if text == "" {
		return ""
	}
	return "  " + text
}
