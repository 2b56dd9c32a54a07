package results

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// WriteJSON writes rows as objects with the names of the CSV file's columns, without numbers that a row does not have.
func WriteJSON[Row any](w io.Writer, rows []Row) error {
	text := make(map[string]bool)
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Row]()) {
		text[field.Tag.Get("csv")] = field.Type.Kind() == reflect.String
	}
	var file bytes.Buffer
	if err := WriteRows(&file, rows); err != nil {
		return err
	}
	lines, err := csv.NewReader(&file).ReadAll()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	out.WriteString("[")
	for i, line := range lines[1:] {
		if i > 0 {
			out.WriteString(",")
		}
		var fields []string
		for j, name := range lines[0] {
			value := []byte(line[j])
			if text[name] {
				value, err = json.Marshal(line[j])
			}
			if len(value) > 0 {
				fields = append(fields, fmt.Sprintf("%q: %s", name, value))
			}
		}
		fmt.Fprintf(out, "\n  {%s}", strings.Join(fields, ", "))
	}
	out.WriteString("\n]\n")
	return errors.Join(err, out.Flush())
}

// WriteBenchfmt writes cells in the format of Go's benchmarks, a line a start, for benchstat, behind labels
// "key: value". In names a transport's slash is a colon: a slash begins the next key there.
func WriteBenchfmt(w io.Writer, cells []*Measured, labels ...string) error {
	out := bufio.NewWriter(w)
	for _, label := range labels {
		fmt.Fprintln(out, label)
	}
	units := []struct{ column, unit string }{
		{"latency_median_ns", "ns/op"}, {"consumed_median_ns", "consumed-ns/op"}, {"cycle_median_ns", "cycle-ns/op"},
		{"throughput_bytes_per_s", "B/s"}, {"cpu_ns_per_op", "cpu-ns/op"}, {"pss_peak_bytes", "pss-B"},
	}
	fmt.Fprintln(out, "Unit B/s better=higher")
	for _, m := range cells {
		samples := make([]Sample, len(units))
		for i, u := range units {
			measure, _ := MeasureOf(u.column) // which there is
			samples[i] = m.Sample(measure)
		}
		name := benchmarkName(m.Point)
		for start := range m.starts {
			fmt.Fprintf(out, "%s %d", name, len(m.starts[start]))
			for i, sample := range samples {
				if len(sample) == len(m.starts) && (m.Phase == "" || !sample.Zero()) { // every start has the number
					fmt.Fprintf(out, " %s %s", formatNumber(sample[start]), units[i].unit)
				}
			}
			fmt.Fprintln(out)
		}
	}
	return out.Flush()
}

func benchmarkName(p Point) string {
	name := "BenchmarkHandOff"
	for column, value := range Columns(&p) {
		if !value.IsZero() {
			name += "/" + column + "=" + strings.NewReplacer("/", ":", " ", "_", "\t", "_").Replace(fmt.Sprint(value))
		}
	}
	return name
}
