package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"rrbench/results"
)

type comparison struct {
	by, base, format, failAbove string
}

func compareCommand() *cobra.Command {
	var request comparison
	formats := []string{"text", "markdown", "csv", "json", "benchfmt"}
	c := &cobra.Command{
		Use:   "compare DIR [DIR]",
		Short: "Compare the latencies of two runs, or within one by a column: changed, same, undecided",
		Long: `Compare holds each cell of the second run against the same cell of the first; or, within one
run, the cells that differ in the column --by alone against those with the first value there, or
with that of --base. Starts are what is independent: the ratio of latencies has Welch's 95 %
interval on the logarithms of their medians. The answer is

  changed    the difference is larger than the threshold, by Holm's correction for all comparisons
  same       the whole interval lies within the threshold
  undecided  neither: more --starts would tell

The threshold is what a cell that was measured twice differs by in these runs, their own noise, or that of
--fail-above, which may not be smaller. A change that is not found is shown as ~.

Exit status: 0; 1 when a cell is slower by more than --fail-above, or when a file of a run is
damaged; 2 when there is no such run, nothing to compare, or a threshold below the noise.`,
		Example: `  rrbench compare results/runs/before results/runs/after
  rrbench compare --fail-above 10% results/runs/before results/runs/after
  rrbench compare --by engine --base engine=wazero results/runs/20260131T120000Z-quick`,
		Args: between(1, 2, "give two run directories, or one and --by COLUMN"),
		RunE: func(_ *cobra.Command, arguments []string) error {
			if err := oneOf("--format", request.format, formats); err != nil {
				return err
			}
			return request.run(arguments)
		},
	}
	c.Flags().StringVar(&request.by, "by", "", "compare within one run by this `COLUMN`, for example engine or transport")
	c.Flags().StringVar(&request.base, "base", "", "reference of --by, `COLUMN=VALUE`")
	c.Flags().StringVar(&request.failAbove, "fail-above", "", "threshold, `PERCENT`; exit with status 1 when a cell is slower by more")
	c.Flags().StringVar(&request.format, "format", "text", "`FORMAT`: "+strings.Join(formats, ", "))
	return c
}

func (q *comparison) run(paths []string) error {
	var runs []results.Contents
	var damage []error
	var noises []results.Noise
	for _, path := range paths {
		_, contents, err := readRun(path)
		if err != nil {
			return err
		}
		runs = append(runs, contents)
		damage = append(damage, contents.Damage.Err())
		noises = append(noises, results.NoiseOf(contents.Trials)...)
	}
	threshold, family, err := q.threshold(noises)
	if err != nil {
		return err
	}
	pairs, err := q.pairs(runs, paths)
	if err != nil {
		return fmt.Errorf("%w: %w", err, errCommandLine)
	}
	comparisons := results.Compare(pairs, threshold)
	switch q.format {
	case "csv":
		err = results.WriteRows(stdout, comparisons)
	case "json":
		err = results.WriteJSON(stdout, comparisons)
	case "benchfmt":
		for i, run := range runs {
			err = errors.Join(err, results.WriteBenchfmt(stdout, run.Measured(), "run: "+paths[i]))
		}
	default:
		q.print(comparisons)
		fmt.Fprintf(stdout, "\n%d comparisons, one family (Holm); %s\n", len(comparisons), family)
		if mean := results.GeometricMean(comparisons); !math.IsNaN(mean) {
			fmt.Fprintf(stdout, "geometric mean of the ratios: %s\n", percent(mean))
		}
	}
	if err := errors.Join(append(damage, err)...); err != nil || q.failAbove == "" {
		return err
	}
	slower := 0
	for _, c := range comparisons {
		if c.Answer == results.Changed && c.Ratio > 1 {
			slower++
		}
	}
	if slower > 0 {
		return fmt.Errorf("%d cells are slower by more than %s", slower, q.failAbove)
	}
	return nil
}

// threshold returns a ratio, and a description of it.
func (q *comparison) threshold(noises []results.Noise) (float64, string, error) {
	noise, known := results.Largest(noises)
	if q.failAbove == "" {
		if !known {
			return 1, "no cell was measured twice with 3 starts or more, so the noise is not known and nothing can be the same; give a threshold with --fail-above", nil
		}
		return noise.Factor(), fmt.Sprintf("threshold %s, the noise of the runs", percent(noise.Factor())), nil
	}
	share, err := strconv.ParseFloat(strings.TrimSuffix(q.failAbove, "%"), 64)
	if err != nil || !(share > 0 && share < 1000) {
		return 0, "", fmt.Errorf("--fail-above %q is no percentage, as 10%%: %w", q.failAbove, errCommandLine)
	}
	threshold := 1 + share/100
	if known && noise.Factor() > threshold {
		return 0, "", fmt.Errorf("--fail-above %s is below the noise of the runs: %s measured twice differs by %s; use more --starts, or a larger threshold: %w",
			q.failAbove, noise.Transport+" "+noise.Engine, percent(noise.Ratio), errCommandLine)
	}
	return threshold, "threshold " + percent(threshold), nil
}

func (q *comparison) pairs(runs []results.Contents, paths []string) (pairs []results.Pair, err error) {
	switch {
	case len(runs) == 2 && (q.by != "" || q.base != ""):
		return nil, errors.New("--by and --base are for one run")
	case len(runs) == 2:
		pairs = results.PairRuns(runs[0].Measured(), runs[1].Measured(), paths[0])
	case q.by == "" && q.base == "":
		return nil, errors.New("give a second run, or --by COLUMN")
	default:
		column, value, found := strings.Cut(q.base, "=")
		if q.base == "" {
			column = q.by
		} else if !found || q.by != "" && column != q.by {
			return nil, fmt.Errorf("--base %q is not COLUMN=VALUE with the column of --by", q.base)
		}
		pairs, err = results.PairBy(runs[0].Measured(), column, value)
	}
	if err == nil && len(pairs) == 0 {
		err = errors.New("there is nothing to compare: no two cells differ in that alone")
	}
	return pairs, err
}

// print prints a table.
func (q *comparison) print(comparisons []results.Comparison) {
	out := newTable("cell", "latency", "against", "its latency", "change", "95 % interval", "answer")
	for _, c := range comparisons {
		change, interval := "~", ""
		if c.Answer == results.Changed {
			change = percent(c.Ratio)
		}
		if !math.IsNaN(c.Lo) {
			interval = fmt.Sprintf("[%s, %s]", percent(c.Lo), percent(c.Hi))
		}
		out.AppendRow(table.Row{c.Name(), results.FormatDuration(c.LatencyMedian), c.Base, results.FormatDuration(c.BaseMedian), change, interval, string(c.Answer)})
	}
	if q.format == "markdown" {
		out.RenderMarkdown()
		return
	}
	out.Render()
}

// percent writes a ratio as a change, and as a factor from 2 on.
func percent(ratio float64) string {
	if ratio >= 2 {
		return fmt.Sprintf("×%.3g", ratio)
	}
	return fmt.Sprintf("%+.1f %%", 100*(ratio-1))
}

// newTable is a plain table on standard output that wraps long cells.
func newTable(columns ...any) table.Writer {
	out := results.PlainTable(stdout)
	out.AppendHeader(table.Row(columns))
	configs := make([]table.ColumnConfig, len(columns))
	for i := range columns {
		configs[i] = table.ColumnConfig{Number: i + 1, WidthMax: 60, WidthMaxEnforcer: text.WrapSoft}
	}
	out.SetColumnConfigs(configs)
	return out
}

// show prints a table with an empty line below.
func show(out table.Writer) {
	out.Render()
	fmt.Fprintln(stdout)
}
