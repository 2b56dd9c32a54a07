package plots

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

type csvColumn struct {
	name string
	of   func(*cell) float64
}

// tableOf is the CSV behind a figure: a row a cell, those that are not drawn included,
// with what keeps them out.
func tableOf(cells []*cell, columns []csvColumn, why func(*cell) string) [][]string {
	header := []string{"experiment", "transport", "engine", "codec", "placement", "size_bytes", "fanout", "concurrency",
		"offered_ops_per_s", "origin", "consume", "fanin", "fanout_order", "size_mix", "launcher", "status", "reason", "drawn", "n", "starts", "notes"}
	for _, column := range columns {
		header = append(header, column.name)
	}
	table := [][]string{append(header, "cell_id")}
	for _, c := range cells {
		drawn := "yes"
		if reason := why(c); reason != "" {
			drawn = "no: " + reason
		}
		row := []string{c.Experiment, c.Transport, c.Engine, c.Codec, c.Placement, strconv.FormatInt(c.SizeBytes, 10),
			strconv.Itoa(c.Fanout), strconv.Itoa(c.Concurrency), when(c.Rate > 0, strconv.Itoa(int(c.Rate))), c.Origin, c.Consume, strconv.Itoa(c.Fanin), c.FanoutOrder, c.SizeMix, c.Launcher,
			string(c.Status), c.Reason, drawn, strconv.Itoa(c.N), strconv.Itoa(c.Starts), c.Notes}
		for _, column := range columns {
			row = append(row, decimal(column.of(c)))
		}
		table = append(table, append(row, c.ID()))
	}
	return table
}

// decimal writes a number, and nothing for one that there is not.
func decimal(value float64) string {
	return when(!math.IsNaN(value) && !math.IsInf(value, 0), strconv.FormatFloat(value, 'f', -1, 64))
}

func when(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}

// join makes one name of its parts that are not empty.
func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " · ")
}

func placementName(placement string) string {
	return cmp.Or(map[string]string{"intra": "one host", "inter": "two hosts"}[placement], placement)
}
