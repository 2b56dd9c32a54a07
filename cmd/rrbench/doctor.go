//go:build linux

package main

import (
	"errors"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"rrbench/doctor"
)

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "doctor",
		Short:   "Say what this machine lacks and the command that mends it",
		Example: "  rrbench doctor",
		RunE: func(*cobra.Command, []string) error {
			missing := false
			out := newTable("subject", "state", "detail", "remedy")
			for _, f := range append(doctor.Examine(), counting()...) {
				missing = missing || f.Level == doctor.Missing
				out.AppendRow(table.Row{f.Subject, f.Level, f.Detail, f.Remedy})
			}
			out.Render()
			if missing {
				return errors.New("something that rrbench needs is missing, see above")
			}
			return nil
		},
	}
}
