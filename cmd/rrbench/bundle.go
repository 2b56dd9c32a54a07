package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func bundleCommand() *cobra.Command {
	var out string
	const ending = ".tar.gz"
	c := &cobra.Command{
		Use:   "bundle DIR",
		Short: "Pack a run, its report, and all that it takes to repeat it, into one archive",
		Long: `Bundle makes the report of a run and packs it with the run's data, the claims, the figures, this
program, a README and an appendix for artifact evaluation, and repeat.sh, which measures a cell, a
figure or a claim again from the unpacked archive. The same files give the same archive. The
source is named by its commit: a built program does not have it.

Exit status: 0; 1 when a file could not be written, or when a file of the run is damaged, which
report.html says then; 2 when there is no such run, or the claims file has a fault.`,
		Example: `  rrbench bundle results/runs/20260131T120000Z-quick
  rrbench bundle --out artifact.tar.gz results/runs/20260131T120000Z-quick`,
		Args: oneDirectory,
		RunE: func(_ *cobra.Command, arguments []string) error {
			path, err := filepath.Abs(arguments[0]) // "." has no name to call the archive by
			if err != nil {
				return err
			}
			if named := filepath.Clean(arguments[0]); filepath.Base(named) == filepath.Base(path) {
				path = named
			}
			out := cmp.Or(out, path+ending)
			if !strings.HasSuffix(out, ending) {
				return fmt.Errorf("--out %s: the archive's name ends in %s: %w", out, ending, errCommandLine)
			}
			written, damaged := writeReport(path)
			if !written.Complete() {
				return damaged
			}
			program, err := os.Executable()
			if err != nil {
				return err
			}
			if err := written.Bundle(out, program); err != nil {
				return fmt.Errorf("%s: nothing was packed: %w", out, err)
			}
			fmt.Fprintln(stdout, out)
			return damaged
		},
	}
	c.Flags().StringVar(&out, "out", "", "archive `FILE`, in place of DIR.tar.gz")
	return c
}
