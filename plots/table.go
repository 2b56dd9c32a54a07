package plots

import (
	"math"
	"strconv"
	"strings"

	"rrbench/results"
)

// A csvColumn is a number of the CSV behind a figure.
type csvColumn struct {
	name string
	of   func(*cell) float64
}

// tableOf is the CSV behind a figure: a row a cell, those that are not drawn included,
// with what keeps them out.
func tableOf(cells []*cell, columns []csvColumn, why func(*cell) string) [][]string {
	header := []string{"experiment", "transport", "engine", "codec", "placement", "size_bytes", "fanout", "concurrency", "status", "reason", "drawn", "n"}
	for _, column := range columns {
		header = append(header, column.name)
	}
	table := [][]string{header}
	for _, c := range cells {
		drawn := "yes"
		if reason := why(c); reason != "" {
			drawn = "no: " + reason
		}
		row := []string{c.Experiment, c.Transport, c.Engine, c.Codec, c.Placement, strconv.FormatInt(c.SizeBytes, 10),
			strconv.Itoa(c.Fanout), strconv.Itoa(c.Concurrency), string(c.Status), c.Reason, drawn, strconv.Itoa(c.N)}
		for _, column := range columns {
			row = append(row, number(column.of(c)))
		}
		table = append(table, row)
	}
	return table
}

func number(value float64) string {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return ""
	}
	return strconv.FormatFloat(value, 'f', -1, 64)
}

func sizeLabel(bytes float64) string { return results.FormatSize(bytes) }

func join(parts []string) string { return strings.Join(parts, " · ") }

func placementName(placement string) string {
	switch placement {
	case "intra":
		return "one host"
	case "inter":
		return "two hosts"
	}
	return placement
}
