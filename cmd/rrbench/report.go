package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"rrbench/plots/report"
	"rrbench/results"
)

func reportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "report DIR",
		Short: "Make one page of a run: claims, figures, cells, environment, how to repeat each",
		Long: `Report draws the figures of a run, judges the claims by it, and writes report.html into its
directory: one file without the network, for a browser or for print. The claims are those of the
last rrbench claims, else the built-in ones.

Exit status: 0; 1 when a file could not be written, or when a file of the run is damaged, which
the page says then; 2 when there is no such run, or the claims file has a fault.`,
		Example: "  rrbench report results/runs/20260131T120000Z-quick",
		Args:    oneDirectory,
		RunE: func(_ *cobra.Command, arguments []string) error {
			written, err := writeReport(arguments[0])
			if written.Complete() {
				fmt.Fprintln(stdout, written.Files[len(written.Files)-1])
			}
			return err
		},
	}
}

// writeReport writes the report with the claims of the run's directory, or with the built-in ones.
func writeReport(path string) (report.Report, error) {
	directory, contents, err := readRun(path)
	if err != nil {
		return report.Report{}, err
	}
	file := filepath.Join(path, results.ClaimsSourceFile)
	source, chosen, err := readClaims(file)
	if errors.Is(err, fs.ErrNotExist) {
		source, chosen, err = readClaims("")
	}
	if err != nil {
		return report.Report{}, err
	}
	written, err := report.Write(directory, contents, source, chosen)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return written, err
}
