package main

import (
	"github.com/spf13/cobra"

	"rrbench/shim"
	"rrbench/shim/catalogue"
)

func shimCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "shim",
		Short:  "Host functions for a driver (started by rrbench itself)",
		Hidden: true,
		RunE:   func(*cobra.Command, []string) error { return shim.Serve(catalogue.Find) },
	}
}
