package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"rrbench/engines"
	"rrbench/engines/catalogue"
	"rrbench/measure"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the versions of the program, of Go and of the engines",
		Example: "  rrbench version",
		RunE: func(*cobra.Command, []string) error {
			version := engines.UnknownVersion
			if info, ok := debug.ReadBuildInfo(); ok {
				version = info.Main.Version
			}
			line := func(name, version string) { fmt.Printf("%-9s %s\n", name, version) }
			line("rrbench", version)
			line("commit", cmp.Or(measure.ReadEnvironment().Commit, engines.UnknownVersion))
			line("go", runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH)
			for _, name := range catalogue.Names() {
				engine, err := catalogue.New(name, catalogue.Options{})
				if err != nil {
					line(name, here(err))
					continue
				}
				line(name, engine.Version())
				if err := engine.Close(); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
