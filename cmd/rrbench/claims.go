package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"rrbench/results"
	"rrbench/results/claims"
)

func claimsCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "claims DIR",
		Short: "Judge the papers' claims by a run: published value, its own with interval, verdict",
		Long: `Claims judges the claims of the Roadrunner, CWASI and lightweight-FaaS papers, or those of a
file, by the cells of a run, and writes claims.csv into its directory, with claims.yaml, the claims as
they were judged, which report and bundle read. The verdict is that of
the whole 95 % interval:

  reproduced    within the tolerance of what was published, in the direction claimed
  larger        beyond the tolerance, with more of the effect
  smaller       beyond the tolerance, with less of it
  contradicted  the other way round
  undecided     the interval reaches over a border, or there is none
  not tested    the run has no such cells; the command that measures them is named

Exit status: 0, whatever the verdicts; 1 when claims.csv could not be written, or when a file
of the run is damaged; 2 when there is no such run, or the claims file has a fault.`,
		Example: `  rrbench claims results/runs/20260131T120000Z-quick
  rrbench claims --file mine.yaml results/runs/20260131T120000Z-quick`,
		Args: oneDirectory,
		RunE: func(_ *cobra.Command, arguments []string) error {
			source, chosen, err := readClaims(file)
			if err != nil {
				return err
			}
			directory, contents, err := readRun(arguments[0])
			if err != nil {
				return err
			}
			rows, err := claims.Evaluate(chosen, contents.Measured())
			if err != nil {
				return err
			}
			printClaims(rows)
			var content bytes.Buffer
			err = results.WriteRows(&content, rows)
			if err == nil {
				var path string
				if path, err = directory.Write(results.ClaimsFile, content.Bytes()); err == nil {
					fmt.Fprintln(stdout, path)
					_, err = directory.Write(results.ClaimsSourceFile, source)
				}
			}
			if err != nil {
				err = fmt.Errorf("%s: claims.csv is as it was: %w", arguments[0], err)
			}
			return errors.Join(err, contents.Damage.Err())
		},
	}
	c.Flags().StringVar(&file, "file", "", "claims `FILE` in YAML, in place of the built-in claims")
	return c
}

// readClaims reads a claims file, without a path the built-in one.
func readClaims(path string) ([]byte, []claims.Claim, error) {
	if path == "" {
		return claims.BuiltInFile(), claims.BuiltIn(), nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("--file: %w: %w", err, errCommandLine)
	}
	chosen, err := claims.Read(bytes.NewReader(content))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return content, chosen, nil
}

// readRun reads a run, which must have a cell that was measured.
func readRun(path string) (*results.Directory, results.Contents, error) {
	directory, contents, err := openRun(path)
	if err == nil && len(contents.Measured()) == 0 {
		problem := "has no cell that was measured"
		if damage := contents.Damage.Lines(); len(damage) > 0 {
			problem += " (" + damage[0] + ")"
		}
		err = &results.DirectoryError{Path: path, Problem: problem, Remedy: "name a run with a trials.csv of which something is ok"}
	}
	return directory, contents, err
}

// printClaims prints the claims that were tested, and for the others how to test them.
func printClaims(rows []claims.Row) {
	tested := make(map[string]bool)
	out := newTable("claim", "published", "by", "engine", "here [95 % interval]", "verdict")
	untested := 0
	for i := range rows {
		r := &rows[i]
		if r.Verdict == claims.NotTested {
			untested++
			continue
		}
		title, published := "", ""
		if !tested[r.ID] {
			title, published = r.ID+" "+r.Claim, r.Published
		}
		tested[r.ID] = true
		verdict := string(r.Verdict)
		if r.Reason != "" {
			verdict += ": " + r.Reason
		}
		out.AppendRow(table.Row{title, published, r.Cells, r.Engine, r.Here(), verdict})
	}
	if len(tested) > 0 {
		show(out)
	}
	named := make(map[string]bool)
	for i := range rows {
		r := &rows[i]
		if named[r.ID] || tested[r.ID] && r.Note == "" {
			continue
		}
		named[r.ID] = true
		line := r.ID + ": " + r.Note
		if !tested[r.ID] {
			line = fmt.Sprintf("%s not tested: %s", r.ID, r.Reason)
			if r.Command != "" {
				line += "; measure it with: " + r.Command
			}
		}
		fmt.Fprintln(stdout, line)
	}
	if untested > 0 {
		fmt.Fprintf(stdout, "%d of %d rows of claims.csv are not tested\n", untested, len(rows))
	}
}
