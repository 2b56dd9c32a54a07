//go:build linux

package main

import (
	"github.com/spf13/cobra"

	"rrbench/catalogue"
	"rrbench/shim/containerd/host"
)

func functionCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "function",
		Short:  "Host functions for containerd (started by its shim)",
		Hidden: true,
		RunE:   func(*cobra.Command, []string) error { return host.Serve(catalogue.Find) },
	}
}
