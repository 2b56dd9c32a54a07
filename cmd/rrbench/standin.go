//go:build linux

package main

import (
	"os"

	"github.com/spf13/cobra"

	"rrbench/baselines/redis"
)

func standInCommand() *cobra.Command {
	return &cobra.Command{
		Use:    redis.StandInCommand,
		Short:  "Stand in for redis-server where there is none (started by rrbench itself)",
		Hidden: true,
		RunE:   func(*cobra.Command, []string) error { return redis.ServeStandIn(os.Stdin) },
	}
}
