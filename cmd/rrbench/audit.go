//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"rrbench/audit"
	"rrbench/foreign"
	"rrbench/results"
	"rrbench/sweep"
	"rrbench/transport"
)

func auditCommand() *cobra.Command {
	var flags sweep.Config
	c := &cobra.Command{
		Use:   "audit [DIR]",
		Args:  between(0, 1, "give one run directory, or none and --transport"),
		Short: "Count what one hand-off of a transport copies and calls",
		Long: `Audit runs hand-offs of one transport in real shims and counts, for each process that
takes part: bytes copied in user space, bytes that cross the kernel, system calls, page
faults and context switches. Every figure is counted while it runs, by the kernel (eBPF),
and every line says by what. It needs root.

Of a run's directory it counts the hand-offs of every transport, engine and codec, of the largest
payload up to 10 MiB, into the run's audit.csv, of which rrbench figures draws figure copies.

Exit status: 0 when it was counted, 1 when a hand-off failed or the transport cannot run
or be counted here, 2 when the request cannot be carried out as written.`,
		Example: `  rrbench audit --transport network/splice --size 100MiB
  rrbench audit --transport http/native --codec json --size 10MiB
  rrbench audit --transport user/remap --engine wasmtime --size 100MiB
  rrbench audit results/runs/20260131T120000Z-quick`,
		RunE: func(c *cobra.Command, arguments []string) error {
			if len(arguments) == 1 {
				if given := givenFlags(c); given != nil {
					return fmt.Errorf("%s is for the audit of one transport, and a run has its own: %w", given[0], errCommandLine)
				}
				return auditRun(c.Context(), arguments[0])
			}
			if flags.Transports == nil {
				return fmt.Errorf("give a transport, see rrbench list (--transport): %w", errCommandLine)
			}
			if flags.Sizes == nil {
				flags.Sizes = []sweep.Size{10 << 20}
			}
			report, err := audit.Run(c.Context(), flags)
			if usage, ok := errors.AsType[*sweep.UsageError](err); ok {
				return fmt.Errorf("%s: %w", singular.Replace(usage.Error()), errCommandLine)
			}
			if err != nil {
				return err
			}
			return report.Print(stdout)
		},
	}
	p := newParameters(c.Flags(), &flags)
	p.one("transports", "transport", "transport, see rrbench list")
	p.one("engines", "engine", "WebAssembly engine, see rrbench list (default: the first that runs here)")
	p.one("codecs", "codec", "codec of what serializes: raw, json, json-std (default raw)")
	p.one("sizes", "size", "payload size (default 10MiB)")
	p.one("fanout", "fanout", "")
	p.one("payload", "", "what is sent: text, records, bytes (default bytes, text for JSON)")
	p.one("guest", "", "")
	p.every(func(parameter *sweep.Parameter) bool { return parameter.Scope == sweep.OfTransports })
	p.one("deadline", "", "")
	return c
}

// singular replaces the names of a sweep's flags by those of this command.
var singular = strings.NewReplacer("--transports", "--transport", "--engines", "--engine", "--codecs", "--codec", "--sizes", "--size")

// auditedSize is the largest size of payloads, in bytes: of longer ones the same share is copied.
const auditedSize = 10 << 20

// auditRun counts the hand-offs of a run's transports. Those that cannot be counted have a row with the reason.
func auditRun(ctx context.Context, path string) error {
	directory, contents, err := openRun(path)
	if err != nil {
		return err
	}
	rows := results.Auditable(contents.Summaries, auditedSize)
	if len(rows) == 0 {
		return fmt.Errorf("%s has no hand-offs of at most 10 MiB from one source to one target on one host: measure some with rrbench sweep --sizes 10MiB", path)
	}
	counted := 0
	for i := range rows {
		row := &rows[i]
		flags := sweep.Config{Axes: sweep.Axes{Transports: []string{row.Transport}, Sizes: []sweep.Size{sweep.Size(row.SizeBytes)}}}
		if row.Engine != transport.NativeEngine {
			flags.Engines = []string{row.Engine}
		}
		if row.Codec != string(transport.None) {
			flags.Codecs = []string{row.Codec}
		}
		report, err := audit.Run(ctx, flags)
		if stopped := ctx.Err(); stopped != nil {
			return fmt.Errorf("%s is as it was: %w", path, stopped)
		}
		if err != nil {
			row.Reason = foreign.Error(err)
			fmt.Fprintf(stdout, "%s %s %s: not counted: %s\n", row.Transport, row.Engine, row.Codec, row.Reason)
			continue
		}
		counted++
		*row = report.Copies()
		fmt.Fprintln(stdout, report.Summary())
	}
	if counted == 0 {
		return fmt.Errorf("nothing could be counted: %s", rows[0].Reason)
	}
	return directory.WriteCopies(rows)
}
