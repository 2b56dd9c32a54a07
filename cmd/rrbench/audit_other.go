//go:build !linux

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"rrbench/doctor"
)

func auditCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "audit",
		Short:              "Count what one hand-off of a transport copies and calls (needs Linux)",
		DisableFlagParsing: true,
		Args:               cobra.ArbitraryArgs,
		RunE:               func(*cobra.Command, []string) error { return errors.New("an audit needs Linux") },
	}
}

func counting() []doctor.Finding { return nil }
