//go:build !linux

package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// machineCommands need Linux; the other commands read results.
func machineCommands() (commands []*cobra.Command) {
	for _, name := range []string{"sweep", "agent", "list", "doctor", "audit", "tune", "image"} {
		commands = append(commands, &cobra.Command{
			Use:                name,
			Short:              "Needs Linux",
			DisableFlagParsing: true,
			Args:               cobra.ArbitraryArgs,
			RunE: func(*cobra.Command, []string) error {
				return fmt.Errorf("rrbench %s needs Linux; rrbench figures, claims, compare and export work here: %w", name, errCommandLine)
			},
		})
	}
	return commands
}

func engineVersions(func(engine, version string)) error { return nil }
