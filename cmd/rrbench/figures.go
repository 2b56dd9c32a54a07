package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"rrbench/plots"
	"rrbench/results"
)

func figuresCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "figures DIR",
		Short:   "Draw the figures of a run as PNG, SVG and PDF, with the CSV behind each",
		Example: "  rrbench figures results/runs/20260131T120000Z-quick",
		Args:    oneDirectory,
		RunE: func(_ *cobra.Command, arguments []string) error {
			report, err := draw(arguments[0])
			for _, file := range report.Files {
				fmt.Println(file)
			}
			for _, omission := range report.Omitted {
				fmt.Println(omission)
			}
			return err
		},
	}
}

func draw(path string) (plots.Report, error) {
	directory, err := results.Open(path)
	if err != nil {
		return plots.Report{}, err
	}
	return plots.Draw(directory)
}
