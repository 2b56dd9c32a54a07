//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	transports "rrbench/catalogue"
	"rrbench/engines/catalogue"
	"rrbench/runtimes"
	"rrbench/shim/launch"
	"rrbench/transport"
	"rrbench/tune/crossovers"
	"rrbench/workloads"
)

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List transports, engines, codecs and guests: which run here, and if not, why not",
		Example: "  rrbench list",
		RunE: func(c *cobra.Command, _ []string) error {
			chosen, err := crossovers.Choose(c.Context())
			if err != nil {
				return fmt.Errorf("%w: %w", err, errCommandLine)
			}
			out := newTable("transport", "functions", "codecs", "here", "what it does")
			for _, t := range transports.Named() {
				info := t.Info()
				err := launch.Check(t, "")
				state := here(err)
				if _, s, _ := info.Parameter.Resolve(""); s != nil && err == nil {
					state = fmt.Sprintf("with %s standing in for %s (%s)", s.Name, s.For, s.Remedy)
				}
				out.AppendRow(table.Row{info.Name, functionsOf(info), codecsOf(info), state, info.Summary})
			}
			show(out)
			listCrossovers(chosen)

			out = newTable("engine", "here")
			for _, name := range catalogue.Names() {
				state := here(catalogue.Check(name))
				if program := catalogue.Program(name); program != "" {
					state += ", in " + filepath.Base(program)
				}
				out.AppendRow(table.Row{name, state})
			}
			show(out)
			out = newTable("command", "here", "for --experiment compute and coldstart")
			for _, command := range runtimes.Commands() {
				stands := command.Words[0] + " as a process"
				if command.Carries != "" {
					stands += "; carries " + command.Carries
				}
				out.AppendRow(table.Row{command.Runtime, here(command.Check(c.Context(), runtimes.Program{})), stands})
			}
			show(out)
			out = newTable("guest", "here", "of")
			for _, name := range workloads.Guests() {
				_, err := workloads.Guest(name)
				out.AppendRow(table.Row{name, here(err), "Roadrunner's transports, redis"})
			}
			for _, t := range transports.All() {
				if owner, ok := t.(transport.GuestOwner); ok {
					for _, name := range owner.GuestNames() {
						_, err := owner.GuestModule(name)
						out.AppendRow(table.Row{name, here(err), t.Info().Name})
					}
				}
			}
			show(out)
			out = newTable("codec", "what it is")
			out.AppendRows([]table.Row{
				{transport.None, "the bytes of the object as they lie in memory, Roadrunner's"},
				{transport.Raw, "a body or value that is the bytes themselves"},
				{transport.JSON, "encoding/json/v2"},
				{transport.JSONStd, "encoding/json"},
			})
			out.Render()
			return nil
		},
	}
}

// listCrossovers lists the sizes from which transports that choose by size hand over by reference.
func listCrossovers(chosen crossovers.Choice) {
	out := newTable("crossover of", "on", "from", "where it comes from")
	for _, t := range transports.All() {
		info := t.Info()
		if info.Crossover() == nil {
			continue
		}
		for _, engine := range catalogue.Names() {
			if catalogue.Check(engine) != nil {
				continue
			}
			from, origin := chosen.InUse(info, engine)
			out.AppendRow(table.Row{info.Name, engine, transport.FormatCrossover(from), origin})
		}
	}
	show(out)
	if chosen.Warning != "" {
		fmt.Fprintln(os.Stderr, "warning:", chosen.Warning)
	}
}

func here(err error) string {
	if err == nil {
		return "yes"
	}
	return "no: " + err.Error()
}

func functionsOf(info transport.Info) string {
	where := "a shim each"
	if info.Hosting == transport.SharedProcess {
		where = "one shim"
	}
	switch info.Runs {
	case transport.Wasm:
		return "Wasm, " + where
	case transport.Native:
		return "native, " + where
	}
	return "none"
}

func codecsOf(info transport.Info) string {
	names := make([]string, len(info.Codecs))
	for i, codec := range info.Codecs {
		names[i] = string(codec)
	}
	return strings.Join(names, ", ")
}
