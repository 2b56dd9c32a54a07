package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"rrbench/plots"
	"rrbench/results"
)

func figuresCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "figures DIR",
		Short: "Draw the figures of a run as PNG, SVG and PDF, with the CSV behind each",
		Long: `Figures draws the figures of a run as PNG, SVG and PDF, with the CSV behind each, into
its directory figures.

Exit status: 0, also where the run has no data for some of the figures; 1 when a figure
could not be written, or when a file of the run is damaged, which every figure mentions
then; 2 when there is no such run.`,
		Example: "  rrbench figures results/runs/20260131T120000Z-quick",
		Args:    oneDirectory,
		RunE: func(_ *cobra.Command, arguments []string) error {
			report, err := draw(arguments[0])
			for _, file := range report.Files {
				fmt.Fprintln(stdout, file)
			}
			for _, omission := range report.Omitted {
				fmt.Fprintln(stdout, omission)
			}
			return err
		},
	}
}

func draw(path string) (plots.Report, error) {
	directory, contents, err := openRun(path)
	if directory == nil {
		return plots.Report{}, err
	}
	if err != nil {
		return plots.Report{}, fmt.Errorf("figures: %w", err)
	}
	return plots.Draw(directory, &contents)
}

// openRun reads a run. The directory is nil only where there is no such run. A million rows are half a GiB that stays in
// memory: the garbage collector must not wait for as much again.
func openRun(path string) (*results.Directory, results.Contents, error) {
	debug.SetGCPercent(20)
	directory, err := results.Open(path)
	if err != nil {
		return nil, results.Contents{}, err
	}
	contents, err := directory.Read()
	return directory, contents, err
}
