//go:build linux

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"rrbench/audit"
	"rrbench/sweep"
)

func auditCommand() *cobra.Command {
	var flags sweep.Config
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
			if flags.Transports == nil {
				return fmt.Errorf("give a transport, see rrbench list (--transport): %w", errCommandLine)
			}
			if flags.Sizes == nil {
				flags.Sizes = []sweep.Size{10 << 20}
			}
			report, err := audit.Run(c.Context(), flags)
			var usage *sweep.UsageError
			if errors.As(err, &usage) {
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
	p.ofTransports()
	p.one("deadline", "", "")
	return c
}

// singular names the flags of this command where a sweep would name its own.
var singular = strings.NewReplacer("--transports", "--transport", "--engines", "--engine", "--codecs", "--codec", "--sizes", "--size")
