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

// machineCommands are those that measure, and those that report what can be measured here.
func machineCommands() []*cobra.Command {
	return append(ownCommands(), sweepCommand(), agentCommand(), listCommand(), doctorCommand(), auditCommand(), tuneCommand(), imageCommand())
}

// engineVersions prints the version of each engine that is built in, or why it cannot run here.
func engineVersions(print func(engine, version string)) error {
	for _, name := range catalogue.Names() {
		engine, err := catalogue.New(name, catalogue.Options{})
		if err != nil {
			print(name, here(err))
			continue
		}
		print(name, engine.Version())
		if err := engine.Close(); err != nil {
			return err
		}
	}
	return nil
}

// ownCommands are the hidden ones, which rrbench itself and its containerd shim start.
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
