//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rrbench/audit"
	"rrbench/payloads"
	"rrbench/sweep"
)

func auditCommand() *cobra.Command {
	var (
		flags                                   sweep.Config
		transport, engine, codec, size, payload string
		fanout                                  int
	)
	parameters := make(parameterFlags)
	c := &cobra.Command{
		Use:   "audit",
		Short: "Count what one hand-off of a transport copies and calls",
		Long: `Audit runs hand-offs of one transport in real shims and counts, for each process that
takes part: bytes copied in user space, bytes that cross the kernel, system calls, page
faults and context switches. Every figure is counted while it runs, by the kernel (eBPF),
and every line says by what. It needs root.

Exit status: 0 when it was counted, 1 when a hand-off failed or the transport cannot run
or be counted here, 2 when the request cannot be carried out as written.`,
		Example: `  rrbench audit --transport network/splice --size 100MiB
  rrbench audit --transport http/native --codec json --size 10MiB
  rrbench audit --transport user/remap --engine wasmtime --size 100MiB`,
		RunE: func(c *cobra.Command, _ []string) error {
			if transport == "" {
				return fmt.Errorf("give a transport, see rrbench list (--transport): %w", errCommandLine)
			}
			bytes, err := payloads.ParseSize(size)
			if err != nil {
				return fmt.Errorf("%w (--size): %w", err, errCommandLine)
			}
			flags.Transports = []string{transport}
			if engine != "" {
				flags.Engines = []string{engine}
			}
			if codec != "" {
				flags.Codecs = []string{codec}
			}
			flags.Sizes = []sweep.Size{sweep.Size(bytes)}
			flags.Fanout = []int{fanout}
			flags.Payload = payloads.Kind(payload)
			flags.Parameters = parameters.given(c)
			report, err := audit.Run(c.Context(), flags)
			var usage *sweep.UsageError
			if errors.As(err, &usage) {
				return fmt.Errorf("%s: %w", singular.Replace(usage.Error()), errCommandLine)
			}
			if err != nil {
				return err
			}
			return report.Print(os.Stdout)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&transport, "transport", "", "transport, see rrbench list")
	f.StringVar(&engine, "engine", "", "WebAssembly engine, see rrbench list (default: the first that runs here)")
	f.StringVar(&codec, "codec", "", "codec of what serializes: raw, json, json-std (default raw)")
	f.StringVar(&size, "size", "10MiB", "payload size")
	f.IntVar(&fanout, "fanout", 1, "targets of one hand-off")
	f.StringVar(&payload, "payload", "", "what is sent: "+kinds()+" (default bytes, text for JSON)")
	f.StringVar(&flags.Guest, "guest", "", "WebAssembly function: c, go or a module `FILE` (default c)")
	parameters.register(f)
	f.DurationVar((*time.Duration)(&flags.Deadline), "deadline", 0, "longest time of one hand-off (default 1m0s)")
	return c
}

// singular names the flags of this command where a sweep would name its own.
var singular = strings.NewReplacer("--transports", "--transport", "--engines", "--engine", "--codecs", "--codec", "--sizes", "--size")
