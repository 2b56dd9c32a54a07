//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rrbench/agent"
	"rrbench/payloads"
	"rrbench/shim"
	"rrbench/shim/launch"
	"rrbench/sweep"
	"rrbench/transport"
	"rrbench/workloads"
)

func agentCommand() *cobra.Command {
	var options agent.Options
	var guests []string
	var memory string
	c := &cobra.Command{
		Use:   "agent",
		Short: "Be the second node of a sweep",
		Long: `Agent starts functions on this node for a sweep that runs on another. It prints one line,
which that sweep takes as --peer or in RRBENCH_PEER; every host that has the line can join, one driver at a
time. The driver reaches TCP ports of this node that the kernel chooses, and one UDP port
for the clock. With the agent ends whatever it has started.`,
		Example: `  rrbench agent --listen 10.0.0.2:7433`,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if memory != "" {
				if options.MemoryLimit, err = payloads.ParseBytes(memory); err != nil {
					return fmt.Errorf("--memory-limit: %w: %w", err, errCommandLine)
				}
			}
			if err := allow(c.Context(), guests); err != nil {
				return fmt.Errorf("--allow-guest: %w: %w", err, errCommandLine)
			}
			if options.Program, err = sweep.ThisProgram(); err != nil {
				return err
			}
			options.Launcher = func(name string) shim.Launcher { return launch.For(transport.Info{Launcher: name}) }
			options.Facts = agent.ReadFacts
			options.Log = func(line string) { fmt.Fprintln(os.Stderr, "rrbench agent:", line) }
			a, err := agent.Listen(options)
			if err != nil {
				return fmt.Errorf("%w (--listen): %w", err, errCommandLine)
			}
			fmt.Fprintln(stdout, a.Join())
			return a.Serve(c.Context())
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&options.Listen, "listen", "127.0.0.1:7433", "`ADDRESS` of one interface, or 0.0.0.0:7433 for all; port 0 has the kernel choose")
	c.Flags().DurationVar(&options.Lifetime, "lifetime", 24*time.Hour, "for how long the line lets a sweep join")
	c.Flags().StringVar(&memory, "memory-limit", "", "memory that the functions here may take, all together (default what is free)")
	c.Flags().StringArrayVar(&guests, "allow-guest", nil, "WebAssembly module `FILE` that may run here beside those that are built in; repeat for more")
	return c
}

// allow restricts the shims of this process to these guests and those that are built in.
func allow(ctx context.Context, paths []string) error {
	digests := make([]string, len(paths))
	for i, path := range paths {
		file, _, err := workloads.ReadFile(ctx, path)
		if err != nil {
			return err
		}
		digests[i] = string(file.Digest())
	}
	return os.Setenv(shim.AllowedGuests, strings.Join(digests, ","))
}

// joinPeer joins an agent for a sweep.
func joinPeer(ctx context.Context, line string) (sweep.Peer, error) {
	program, err := sweep.ThisProgram()
	if err != nil {
		return nil, err
	}
	return agent.Dial(ctx, line, program)
}
