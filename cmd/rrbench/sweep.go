//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rrbench/payloads"
	"rrbench/sweep"
)

func sweepCommand() *cobra.Command {
	var (
		flags              sweep.Config
		configFile, resume string
		dryRun, quiet      bool
		warmup             int
		seed               uint64
		payload            string
	)
	parameters := make(parameterFlags)
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
			if c.Flags().Changed("warmup") {
				flags.Warmup = &warmup
			}
			if c.Flags().Changed("seed") {
				flags.Seed = &seed
			}
			flags.Payload = payloads.Kind(payload)
			flags.Parameters = parameters.given(c)
			request := sweep.Request{
				Flags:      flags,
				ConfigFile: configFile,
				Resume:     resume,
				Command:    os.Args,
				Progress:   newProgress(os.Stderr, quiet),
			}
			if resume != "" {
				if given := givenFlags(c, "resume", "quiet"); given != "" {
					return fmt.Errorf("--resume takes the plan from the run directory, leave out %s: %w", given, errCommandLine)
				}
			}
			if dryRun {
				preview, err := sweep.Preview(request)
				if err != nil {
					return err
				}
				return printPlan(os.Stdout, preview)
			}
			outcome, err := sweep.Execute(c.Context(), request)
			if outcome == nil {
				return err
			}
			figures, drawErr := draw(outcome.Directory)
			err = errors.Join(err, drawErr)
			if !quiet {
				if err := printOutcome(os.Stdout, outcome, len(figures.Files)); err != nil {
					return err
				}
			}
			if err == nil && outcome.Failed+len(outcome.Missing) > 0 {
				return errFailedCells
			}
			return err
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&flags.Preset, "preset", "", "named set of experiments: "+strings.Join(sweep.Presets(), ", "))
	f.StringVar(&configFile, "config", "", "YAML `FILE` with the names of these flags as keys")
	f.StringSliceVar(&flags.Transports, "transports", nil, "transports, see rrbench list (default all)")
	f.StringSliceVar(&flags.Engines, "engines", nil, "WebAssembly engines, see rrbench list (default all)")
	f.StringSliceVar(&flags.Codecs, "codecs", nil, "codecs of what serializes: raw, json, json-std (default json,raw)")
	f.Var((*sizesValue)(&flags.Sizes), "sizes", "payload sizes (default 64KiB,1MiB,10MiB,100MiB)")
	f.IntSliceVar(&flags.Fanout, "fanout", nil, "targets of one hand-off (default 1)")
	f.IntSliceVar(&flags.Concurrency, "concurrency", nil, "hand-offs under way at once (default 1)")
	f.StringSliceVar(&flags.Placement, "placement", nil, "where the target runs: intra (default intra)")
	f.StringVar(&payload, "payload", "", "what is sent: "+kinds()+" (default text)")
	f.StringVar(&flags.Guest, "guest", "", "WebAssembly function: c, go or a module `FILE` (default c); of http/wasi http-go or http-c, which knows raw alone (default http-go)")
	parameters.register(f)
	f.IntVar(&flags.Reps, "reps", 0, "measured rounds of a cell (default: the preset's)")
	f.IntVar(&warmup, "warmup", 0, "discarded rounds at each start of a cell (default: the preset's)")
	f.Uint64Var(&seed, "seed", 0, "seed of order and payloads (default: random, recorded)")
	f.DurationVar((*time.Duration)(&flags.Deadline), "deadline", 0, "longest time of one hand-off, and of a guest's initialisation (default: the preset's)")
	f.StringVar(&flags.Out, "out", "", "run `DIR`ectory, new or empty (default results/runs/…)")
	f.StringVar(&resume, "resume", "", "go on with the interrupted run in `DIR`")
	f.BoolVar(&dryRun, "dry-run", false, "print the plan and the time it takes, measure nothing")
	f.BoolVar(&quiet, "quiet", false, "print nothing but errors")
	return c
}

// givenFlags names the flags that were given, other than the allowed ones.
func givenFlags(c *cobra.Command, allowed ...string) string {
	var given []string
	c.Flags().Visit(func(f *pflag.Flag) {
		for _, name := range allowed {
			if f.Name == name {
				return
			}
		}
		given = append(given, "--"+f.Name)
	})
	return strings.Join(given, ", ")
}

func kinds() string {
	var names []string
	for _, kind := range payloads.Kinds() {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

// sizesValue is a comma-separated list of sizes on the command line.
type sizesValue []sweep.Size

func (v *sizesValue) String() string { return "" }

func (v *sizesValue) Type() string { return "sizes" }

func (v *sizesValue) Set(text string) error {
	for word := range strings.SplitSeq(text, ",") {
		size, err := payloads.ParseSize(strings.TrimSpace(word))
		if err != nil {
			return err
		}
		*v = append(*v, sweep.Size(size))
	}
	return nil
}
