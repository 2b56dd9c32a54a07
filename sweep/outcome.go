package sweep

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"rrbench/plots"
	"rrbench/results"
	"rrbench/transport"
)

// Outcome is what a run leaves for its user.
type Outcome struct {
	Directory string
	Summaries []results.Summary
	// Transports is what the manifest says of them.
	Transports results.Transports
	Figures    plots.Report
	Warnings   []string
	SetUps     results.SetUps
	// Failed counts the cells with a failed trial.
	Failed int
	// Missing names the cells of which planned hand-offs have no row, one line each.
	Missing []string
}

// Print writes the table and the paths of the results.
func (o *Outcome) Print(w io.Writer) error {
	if err := results.WriteTable(w, o.Summaries, o.Transports); err != nil {
		return err
	}
	for _, warning := range o.Warnings {
		fmt.Fprintln(w, "note:", warning)
	}
	if err := o.SetUps.Write(w); err != nil {
		return err
	}
	var written []string
	for _, name := range []string{"summary.csv", "trials.csv", "manifest.json"} {
		if _, err := os.Stat(filepath.Join(o.Directory, name)); err == nil {
			written = append(written, name)
		}
	}
	if count := len(o.Figures.Files); count > 0 {
		written = append(written, fmt.Sprintf("%d files in figures/", count))
	}
	_, err := fmt.Fprintf(w, "\nresults: %s  (%s)\n", o.Directory, strings.Join(written, ", "))
	return err
}

// Planned is a plan that is not carried out.
type Planned struct {
	plan  *Plan
	infos map[string]transport.Info
	out   string
}

// Preview plans a request and measures nothing.
func Preview(request Request) (*Planned, error) {
	machine, err := request.machine()
	if err != nil {
		return nil, err
	}
	plan, out, err := planOf(request, machine)
	if err != nil {
		return nil, err
	}
	if out == "" {
		out = results.DefaultPath(time.Now(), plan.name())
	}
	return &Planned{plan, byName(machine.Transports), out}, nil
}

// Print writes the plan's cells and what it takes to run them.
func (p *Planned) Print(w io.Writer) error {
	skipped, peak := 0, int64(0)
	for _, cell := range p.plan.Cells {
		line := fmt.Sprintf("%-10s  %-16s %-9s %-8s %10s  fan-out %-4d concurrency %d", cell.Experiment, cell.Transport, cell.Engine,
			cell.Codec, humanize.IBytes(uint64(cell.SizeBytes)), cell.Fanout, cell.Concurrency)
		if p.infos[cell.Transport].Crossover() != nil {
			line += "  crossover " + cell.Parameter
		}
		if cell.Skip != "" {
			skipped++
			line += "  skipped: " + cell.Skip
		} else {
			peak = max(peak, memoryOf(p.infos[cell.Transport], cell))
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	if p.plan.Crossovers != "" {
		fmt.Fprintln(w, "\ncrossovers:", p.plan.Crossovers)
	}
	for _, warning := range p.plan.Warnings {
		fmt.Fprintln(w, "note:", warning)
	}
	_, err := fmt.Fprintf(w, "\n%d cells, %d skipped; %d rounds each in %d blocks, %d warm-up rounds a visit; seed %d\n"+
		"about %v, at most about %s of memory; results would go to %s\n",
		len(p.plan.Cells), skipped, p.plan.Reps, p.plan.Blocks, p.plan.Warmup, p.plan.Seed,
		p.plan.Estimate(p.infos).Round(time.Second), humanize.IBytes(uint64(peak)), p.out)
	return err
}
