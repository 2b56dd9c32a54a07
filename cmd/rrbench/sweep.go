//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rrbench/agent"
	transports "rrbench/catalogue"
	"rrbench/sweep"
)

func sweepCommand() *cobra.Command {
	var flags sweep.Config
	c := &cobra.Command{
		Use:   "sweep",
		Short: "Measure a set of cells, write CSVs, draw figures",
		Long: `Sweep measures the product of the transports, engines, codecs, sizes, fan-outs and
concurrencies asked for, in a block-randomised order, and writes trials.csv, summary.csv,
manifest.json and figures into a new directory. Without --preset the flags that are not
given have the values of the preset quick.

Sizes are powers of two: 1MiB is 1048576 bytes, 1MB means the same.

Exit status: 0 when every cell was measured or skipped for a stated reason, 1 when a trial
failed, 2 when the request cannot be carried out as written.`,
		Example: `  rrbench sweep --preset smoke --out out/first
  rrbench sweep --transports user/copy,kernel/stream --sizes 1MiB,100MiB --reps 15
  rrbench sweep --transports user/copy,http/native --sizes 10MiB --fanout 1,2,4,8
  rrbench sweep --config experiment.yaml
  rrbench sweep --resume out/first`,
		RunE: func(c *cobra.Command, _ []string) error {
			request := sweep.Request{Flags: flags, Join: joinPeer, Progress: newProgress(os.Stderr, flags.Quiet)}
			for _, argument := range os.Args {
				request.Command = append(request.Command, agent.Redact(argument))
			}
			for _, line := range flags.Peer {
				if _, err := agent.ParseJoin(line); err != nil {
					return fmt.Errorf("%w (--peer): %w", err, errCommandLine)
				}
			}
			if flags.Resume != "" {
				if given := givenFlags(c, "resume", "force-resume", "guest", "peer", "containerd", "quiet"); given != nil {
					return fmt.Errorf("--resume takes the plan from the run directory, leave out %s: %w", strings.Join(given, ", "), errCommandLine)
				}
			}
			if flags.DryRun {
				preview, err := sweep.Preview(c.Context(), request)
				if err != nil {
					return err
				}
				printPlan(preview)
				return nil
			}
			outcome, err := sweep.Execute(c.Context(), request)
			if outcome == nil {
				return err
			}
			figures, drawErr := draw(outcome.Directory)
			err = errors.Join(err, drawErr)
			if !flags.Quiet {
				printOutcome(outcome, len(figures.Files))
			}
			switch {
			case err != nil:
				return err
			case len(outcome.Missing) > 0:
				return fmt.Errorf("the run lacks what was planned: %s", strings.Join(outcome.Missing, "; "))
			case outcome.Cells.Failed > 0:
				return errFailedCells
			}
			return nil
		},
	}
	newParameters(c.Flags(), &flags).every(func(*sweep.Parameter) bool { return true })
	return c
}

// givenFlags names the flags that were given, other than the allowed ones.
func givenFlags(c *cobra.Command, allowed ...string) (given []string) {
	c.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains(allowed, f.Name) {
			given = append(given, "--"+f.Name)
		}
	})
	return given
}

// parameters adds flags to a command, which fill a request.
type parameters struct {
	flags *pflag.FlagSet
	asked *sweep.Config
	table []*sweep.Parameter
}

func newParameters(flags *pflag.FlagSet, asked *sweep.Config) parameters {
	flags.SortFlags = false
	return parameters{flags, asked, sweep.Parameters(transports.All())}
}

// every adds a flag for each parameter that is wanted.
func (p parameters) every(wanted func(*sweep.Parameter) bool) {
	for _, parameter := range p.table {
		if wanted(parameter) {
			p.add(sweep.Flag{Parameter: parameter, Config: p.asked}, "")
		}
	}
}

// one adds a flag for the parameter of that name, with another help unless that is empty. A single that is not empty is the
// name of the flag, which then takes one value in place of a list.
func (p parameters) one(name, single, help string) {
	i := slices.IndexFunc(p.table, func(parameter *sweep.Parameter) bool { return parameter.Name == name })
	p.add(sweep.Flag{Parameter: p.table[i], Config: p.asked, Single: single}, help)
}

func (p parameters) add(value sweep.Flag, help string) {
	flag := p.flags.VarPF(value, cmp.Or(value.Single, value.Name), "", cmp.Or(help, value.Help()))
	if value.Type() == "bool" {
		flag.NoOptDefVal = "true"
	}
}
