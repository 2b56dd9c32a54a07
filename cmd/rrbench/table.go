package main

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"rrbench/results"
)

// newTable is a plain table on standard output that wraps long cells.
func newTable(columns ...any) table.Writer {
	out := results.PlainTable(stdout)
	out.AppendHeader(table.Row(columns))
	configs := make([]table.ColumnConfig, len(columns))
	for i := range columns {
		configs[i] = table.ColumnConfig{Number: i + 1, WidthMax: 60, WidthMaxEnforcer: text.WrapSoft}
	}
	out.SetColumnConfigs(configs)
	return out
}
