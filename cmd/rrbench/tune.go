//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	transports "rrbench/catalogue"
	"rrbench/engines/catalogue"
	"rrbench/payloads"
	"rrbench/sweep"
	"rrbench/transport"
	"rrbench/tune"
	"rrbench/tune/crossovers"
)

func tuneCommand() *cobra.Command {
	var flags sweep.Config
	c := &cobra.Command{
		Use:   "tune",
		Short: "Measure this machine's crossovers for user, kernel and network",
		Long: `Tune measures from which payload size on this machine hands payloads over by reference in
less time than by copying, for user (user/copy or user/memfd), kernel (kernel/ring or
kernel/memfd) and network (network/stream or network/splice), on each engine. Sweeps then
use what it finds; list and doctor say which crossovers are in use. It takes about three
minutes, and wants the machine for itself.

What decides is the time from t0 until the target's handler has read every byte. The
built-in crossover stays where no other is better beyond doubt.

The result is written to rrbench/crossovers.json in your configuration directory, or to
--out. ` + crossovers.Variable + `=FILE has every command use another file, ` + crossovers.Variable + `=default none; sweep
--crossover SIZE overrides both. A file of another machine is never used.

Exit status: 0 when the crossovers were measured and written, 1 when a hand-off failed or
nothing can be measured here, 2 when the request cannot be carried out as written.`,
		Example: `  rrbench tune
  rrbench tune --transports user --engines wazero
  rrbench tune --out crossovers.json && ` + crossovers.Variable + `=crossovers.json rrbench sweep --transports user`,
		RunE: func(c *cobra.Command, _ []string) error {
			// The crossovers in use do not matter.
			machine, err := sweep.MachineWith(crossovers.Choice{}, flags.Containerd)
			if err != nil {
				return err
			}
			request := tune.Request{
				Transports: machine.Transports, Engines: machine.Engines, Machine: machine,
				Seed: rand.Uint64(), Progress: newProgress(os.Stderr, flags.Quiet),
			}
			if err := narrow(&request, flags.Transports, flags.Engines); err != nil {
				return err
			}
			path, err := tunedPath(flags.Out)
			if err != nil {
				return err
			}
			curves, err := tune.Measure(c.Context(), request)
			if err != nil {
				return err
			}
			if !flags.Quiet {
				for _, curve := range curves {
					printCurve(curve)
				}
			}
			file := tune.File(curves)
			if len(file.Crossovers) == 0 {
				return fmt.Errorf("nothing was measured: %s", curves[0].Skipped)
			}
			// An older file that cannot be read is replaced.
			older, _, _ := crossovers.Read(c.Context(), path)
			if err := older.Update(file).Write(path); err != nil {
				return err
			}
			if !flags.Quiet {
				fmt.Fprintln(stdout, "written:", path)
				if usual, err := crossovers.DefaultPath(); err != nil || path != usual {
					fmt.Fprintf(stdout, "to use it: %s=%s\n", crossovers.Variable, path)
				}
			}
			return nil
		},
	}
	p := newParameters(c.Flags(), &flags)
	p.one("transports", "", "which of user, kernel, network (default all)")
	p.one("engines", "", "")
	p.one("out", "", "write to `FILE` (default rrbench/crossovers.json in the user's configuration directory)")
	p.one("quiet", "", "")
	return c
}

// narrow restricts a request to the given transports and engines, or returns why that is impossible.
func narrow(request *tune.Request, names, engines []string) error {
	if names != nil {
		request.Transports = nil
	}
	for _, name := range names {
		t, err := transports.Find(name)
		if err != nil {
			return fmt.Errorf("%w (--transports): %w", err, errCommandLine)
		}
		if t.Info().Crossover() == nil {
			return fmt.Errorf("%s has no crossover, choose from user, kernel, network (--transports): %w", name, errCommandLine)
		}
		request.Transports = append(request.Transports, t)
	}
	for _, name := range engines {
		if err := catalogue.Check(name); err != nil {
			return fmt.Errorf("%w (--engines): %w", err, errCommandLine)
		}
	}
	if engines != nil {
		request.Engines = engines
	}
	return nil
}

// tunedPath returns where the result goes, and checks before the measurement that it can be written.
func tunedPath(out string) (path string, err error) {
	if path = out; path == "" {
		if path, err = crossovers.DefaultPath(); err != nil {
			return "", fmt.Errorf("%w: %w", err, errCommandLine)
		}
	}
	if err := crossovers.CheckWritable(path); err != nil {
		return "", fmt.Errorf("%w (--out): %w", err, errCommandLine)
	}
	return path, nil
}

func printCurve(curve *tune.Curve) {
	fmt.Fprintf(stdout, "%s on %s: ", curve.Transport, curve.Engine)
	if curve.Skipped != "" {
		fmt.Fprintf(stdout, "left out, %s\n\n", curve.Skipped)
		return
	}
	fmt.Fprintf(stdout, "%s from %s (%s)\n", curve.From, transport.FormatCrossover(curve.Chosen), curve.Because)
	out := newTable("size", curve.Below, curve.From, "ratio", "smallest to largest", "visits", "until entered", "choice")
	for _, p := range curve.Points {
		out.AppendRow(table.Row{
			payloads.FormatSize(p.Size), duration(p.Below), duration(p.From),
			fmt.Sprintf("%.2f", p.Ratio), fmt.Sprintf("%.2f to %.2f", p.Lo, p.Hi), p.Visits, fmt.Sprintf("%.2f", p.LatencyRatio),
			curve.Choice(p.Size),
		})
	}
	show(out)
}

func duration(nanoseconds float64) string {
	d := time.Duration(nanoseconds)
	switch {
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d >= 10*time.Microsecond:
		return d.Round(100 * time.Nanosecond).String()
	}
	return d.String()
}
