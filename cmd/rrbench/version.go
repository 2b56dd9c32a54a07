package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"rrbench/measure"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the versions of the program, of Go and of the engines",
		Example: "  rrbench version",
		RunE: func(*cobra.Command, []string) error {
			const unknown = "unknown"
			version := unknown
			if info, ok := debug.ReadBuildInfo(); ok {
				version = info.Main.Version
			}
			line := func(name, version string) { fmt.Fprintf(stdout, "%-9s %s\n", name, version) }
			line("rrbench", version)
			line("commit", cmp.Or(measure.ReadEnvironment().Commit, unknown))
			line("go", runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH)
			return engineVersions(line)
		},
	}
}
