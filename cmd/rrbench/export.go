package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rrbench/results"
)

func exportCommand() *cobra.Command {
	var format string
	formats := []string{"markdown", "csv", "json", "benchfmt"}
	c := &cobra.Command{
		Use:   "export DIR",
		Short: "Write the cells of a run for other tools: markdown, csv, json or benchfmt",
		Long: `Export writes a run's cells on standard output: as a Markdown table, with the columns of
summary.csv as CSV or JSON, or a line a start in the format of Go's benchmarks, which
benchstat reads.

Exit status: 0; 1 when a file of the run is damaged; 2 when there is no such run.`,
		Example: `  rrbench export --format markdown results/runs/20260131T120000Z-quick
  rrbench export --format benchfmt results/runs/20260131T120000Z-quick > cells.txt`,
		Args: oneDirectory,
		RunE: func(_ *cobra.Command, arguments []string) error {
			if err := oneOf("--format", format, formats); err != nil {
				return err
			}
			directory, contents, err := readRun(arguments[0])
			if err != nil {
				return err
			}
			switch format {
			case "markdown":
				err = results.WriteMarkdown(stdout, contents.Summaries, contents.Transports)
			case "csv":
				err = results.WriteRows(stdout, contents.Summaries)
			case "json":
				err = results.WriteJSON(stdout, contents.Summaries)
			case "benchfmt":
				err = results.WriteBenchfmt(stdout, contents.Measured(), "run: "+directory.Path())
			}
			if err != nil {
				return err
			}
			return contents.Damage.Err()
		},
	}
	c.Flags().StringVar(&format, "format", "markdown", "`FORMAT`: "+strings.Join(formats, ", "))
	return c
}

func oneOf(flag, value string, known []string) error {
	if !slices.Contains(known, value) {
		return fmt.Errorf("%s %q is none of %s: %w", flag, value, strings.Join(known, ", "), errCommandLine)
	}
	return nil
}
