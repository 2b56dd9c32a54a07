//go:build linux

package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"rrbench/baselines/redis"
	transports "rrbench/catalogue"
	"rrbench/engines/catalogue"
	"rrbench/shim"
	"rrbench/shim/containerd/host"
	"rrbench/shim/runc"
)

// ownCommands are started by rrbench itself, and by containerd's shim of it.
func ownCommands() []*cobra.Command {
	var bundle, connect string
	functions := &cobra.Command{
		Use:   "shim",
		Short: "Host functions for a driver (started by rrbench itself)",
		RunE: func(*cobra.Command, []string) error {
			if bundle != "" {
				return runc.RemoveBundle(bundle)
			}
			if connect != "" {
				return shim.Connect(connect, transports.Find)
			}
			return shim.Serve(transports.Find)
		},
	}
	functions.Flags().StringVar(&bundle, "remove-bundle", "", "remove a container's bundle after its end")
	functions.Flags().StringVar(&connect, "connect", "", "the driver's socket")
	all := []*cobra.Command{functions, {
		Use:   "function",
		Short: "Host functions for containerd (started by its shim)",
		RunE:  func(*cobra.Command, []string) error { return host.Serve(transports.Find) },
	}, {
		Use:   redis.StandInCommand,
		Short: "Stand in for redis-server where there is none (started by rrbench itself)",
		RunE:  func(*cobra.Command, []string) error { return redis.ServeStandIn(os.Stdin) },
	}, {
		Use:   catalogue.AnswerCommand + " [ENGINE]",
		Short: "Describe the engines that are built in, or compile a module with one (asked by rrbench itself)",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, arguments []string) error {
			return catalogue.Answer(c.Context(), strings.Join(arguments, ""), os.Stdin, stdout)
		},
	}}
	for _, c := range all {
		c.Hidden = true
	}
	return all
}
