//go:build linux

package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	transports "rrbench/catalogue"
)

// parameterFlags are the flags that carry transports' parameters, by the flag's name.
type parameterFlags map[string]*string

// register makes a flag of each parameter; several transports may share one.
func (p parameterFlags) register(flags *pflag.FlagSet) {
	for _, t := range transports.All() {
		parameter := t.Info().Parameter
		if parameter == nil || p[parameter.Flag] != nil {
			continue
		}
		help := parameter.Help
		if parameter.Default != "" {
			help += " (default " + parameter.Default + ")"
		}
		p[parameter.Flag] = flags.String(parameter.Flag, "", help)
	}
}

// given are the values of those that the user gave.
func (p parameterFlags) given(c *cobra.Command) map[string]string {
	given := make(map[string]string)
	for name, value := range p {
		if c.Flags().Changed(name) {
			given[name] = *value
		}
	}
	return given
}
