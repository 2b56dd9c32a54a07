package main

import (
	"github.com/spf13/cobra"

	"rrbench/engines/catalogue"
)

// machineCommands are those that measure, or look at what can be measured here.
func machineCommands() []*cobra.Command {
	return append(ownCommands(), sweepCommand(), agentCommand(), listCommand(), doctorCommand(), auditCommand(), tuneCommand(), imageCommand())
}

// engineVersions asks each engine that is built in; one that cannot run here says why.
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
