//go:build linux

package main

import (
	"os"

	"github.com/spf13/cobra"

	"rrbench/engines/catalogue"
)

func enginesCommand() *cobra.Command {
	return &cobra.Command{
		Use:    catalogue.AnswerCommand + " [ENGINE]",
		Short:  "Describe the engines that are built in, or compile a module with one (asked by rrbench itself)",
		Hidden: true,
		Args:   cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, arguments []string) error {
			name := ""
			if len(arguments) > 0 {
				name = arguments[0]
			}
			return catalogue.Answer(c.Context(), name, os.Stdin, stdout)
		},
	}
}
