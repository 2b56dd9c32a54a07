//go:build linux

package main

import (
	"cmp"
	"slices"

	"github.com/spf13/pflag"

	transports "rrbench/catalogue"
	"rrbench/sweep"
)

// parameters are flags of a command, which fill what is asked for.
type parameters struct {
	flags *pflag.FlagSet
	asked *sweep.Config
	table []*sweep.Parameter
}

func newParameters(flags *pflag.FlagSet, asked *sweep.Config) parameters {
	flags.SortFlags = false
	return parameters{flags, asked, sweep.Parameters(transports.All())}
}

// all makes a flag of each.
func (p parameters) all() {
	for _, parameter := range p.table {
		p.add(sweep.Flag{Parameter: parameter, Config: p.asked}, "")
	}
}

// one makes a flag of the one of that name, with a help of its own unless that is empty. Where
// single is not empty, it is the flag's name, and the flag takes one value of a list.
func (p parameters) one(name, single, help string) {
	i := slices.IndexFunc(p.table, func(parameter *sweep.Parameter) bool { return parameter.Name == name })
	p.add(sweep.Flag{Parameter: p.table[i], Config: p.asked, Single: single}, help)
}

// ofTransports makes flags of those that single transports have.
func (p parameters) ofTransports() {
	for _, parameter := range p.table {
		if parameter.Scope == sweep.OfTransports {
			p.add(sweep.Flag{Parameter: parameter, Config: p.asked}, "")
		}
	}
}

func (p parameters) add(value sweep.Flag, help string) {
	flag := p.flags.VarPF(value, cmp.Or(value.Single, value.Name), "", cmp.Or(help, value.Help()))
	if value.Type() == "bool" {
		flag.NoOptDefVal = "true"
	}
}
