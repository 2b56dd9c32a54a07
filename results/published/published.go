// Package published holds what papers have published, as facts with their sources: README.md
// says where each comes from, and how far to trust it. Nothing of it was measured here.
package published

import (
	"embed"
	"encoding/csv"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/jszwec/csvutil"
)

//go:embed roadrunner.csv cwasi.csv compute.csv
var files embed.FS

// Value is one published number.
type Value struct {
	// Experiment and Placement are the study's names, Metric and Unit what the number is.
	Experiment string `csv:"experiment"`
	Placement  string `csv:"placement"`
	Metric     string `csv:"metric"`
	Unit       string `csv:"unit"`
	// X is where it lies on the axis XName of its figure, as text: some are names.
	XName  string  `csv:"x_name"`
	X      string  `csv:"x"`
	System string  `csv:"system"`
	Value  float64 `csv:"value"`
	// Source is the repository, and the file where the value is from a log.
	Source string `csv:"source"`
	// Flag says what is wrong with the value, empty where nothing is known: log-differs,
	// self-contradiction, outliers-dropped, derived.
	Flag string `csv:"flag"`
	// Other is the value that the authors' log has instead, NaN without.
	Other float64 `csv:"other_value"`
}

// At is X as a number, and NaN where it is a name.
func (v Value) At() float64 {
	x, err := strconv.ParseFloat(v.X, 64)
	if err != nil {
		return math.NaN()
	}
	return x
}

// Roadrunner are the values of the Roadrunner paper's artifact and of its logs, CWASI those of
// CWASI's, Compute those of the study of lightweight FaaS and of its benchmarks. Callers share the slices.
var (
	Roadrunner = sync.OnceValue(func() []Value { return read("roadrunner.csv") })
	CWASI      = sync.OnceValue(func() []Value { return read("cwasi.csv") })
	Compute    = sync.OnceValue(func() []Value { return read("compute.csv") })
)

// Of selects the values of one figure, in the order of the table.
func Of(all []Value, experiment, placement, metric string) []Value {
	return slices.DeleteFunc(slices.Clone(all), func(v Value) bool {
		return v.Experiment != experiment || v.Placement != placement || v.Metric != metric
	})
}

// read panics where a file cannot be read: it is part of the program.
func read(name string) (values []Value) {
	file, err := files.Open(name)
	if err != nil {
		panic(err)
	}
	decoder, err := csvutil.NewDecoder(csv.NewReader(file))
	if err != nil {
		panic(err)
	}
	decoder.WithUnmarshalers(csvutil.UnmarshalFunc(func(text []byte, into *float64) (err error) {
		if *into = math.NaN(); len(text) > 0 {
			*into, err = strconv.ParseFloat(string(text), 64)
		}
		return err
	}))
	if err := decoder.Decode(&values); err != nil {
		panic(name + ": " + err.Error())
	}
	if !slices.Contains(decoder.Header(), "other_value") {
		for i := range values {
			values[i].Other = math.NaN()
		}
	}
	return values
}
