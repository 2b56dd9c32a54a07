//go:build linux

package main

import (
	"github.com/spf13/cobra"

	"rrbench/catalogue"
	"rrbench/shim"
	"rrbench/shim/runc"
)

func shimCommand() *cobra.Command {
	var bundle, connect string
	c := &cobra.Command{
		Use:    "shim",
		Short:  "Host functions for a driver (started by rrbench itself)",
		Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			if bundle != "" {
				return runc.RemoveBundle(bundle)
			}
			if connect != "" {
				return shim.Connect(connect, catalogue.Find)
			}
			return shim.Serve(catalogue.Find)
		},
	}
	c.Flags().StringVar(&bundle, "remove-bundle", "", "remove a container's bundle after its end")
	c.Flags().StringVar(&connect, "connect", "", "the driver's socket")
	return c
}
