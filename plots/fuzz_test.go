package plots

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"rrbench/results"
	"rrbench/results/resultstest"
)

// timeout is how long a figure may take on the busiest machine: one that has not ended by
// then never does.
const timeout = time.Minute

// Whatever summary.csv says, each figure is drawn, or not for a stated reason; and one of them
// is made a PNG.
func FuzzPictures(f *testing.F) {
	plan := resultstest.Single()
	plan.Transports, plan.Sizes, plan.Fanouts, plan.Concurrencies, plan.Rounds = []string{"user/copy", "limit/memcpy"}, []int64{1, 1 << 20}, []int{1, 3}, []int{1, 2}, 3
	var text bytes.Buffer
	if err := results.WriteRows(&text, resultstest.Summarize(resultstest.Trials(plan))); err != nil {
		f.Fatal(err)
	}
	whole, err := csv.NewReader(&text).ReadAll()
	if err != nil {
		f.Fatal(err)
	}
	for column, name := range whole[0] {
		if strings.HasPrefix(name, "latency_") || strings.HasSuffix(name, "_per_s") || strings.HasSuffix(name, "_per_op") || strings.HasPrefix(name, "size") || strings.HasPrefix(name, "fanout") {
			f.Add(uint8(column), uint8(column), "0.000000000001", "3000000000000000000")
			f.Add(uint8(column), uint8(column), "1000000000", "1")
		}
	}
	// No run has measured these, and their rows count as damaged, whichever column has them.
	f.Add(uint8(0), uint8(slices.Index(whole[0], "latency_median_ns")), "1e-300", "1e300")
	f.Add(uint8(1), uint8(1), strings.Repeat("W", 100), "a\x00b")
	f.Add(uint8(11), uint8(11), "", "-5")
	f.Fuzz(func(t *testing.T, rasterised, column uint8, first, last string) {
		rows := make([][]string, len(whole))
		for i := range whole {
			rows[i] = slices.Clone(whole[i])
		}
		at := int(column) % len(rows[0])
		rows[1][at], rows[len(rows)-1][at] = first, last
		text.Reset()
		if err := csv.NewWriter(&text).WriteAll(rows); err != nil {
			t.Fatal(err)
		}
		path := t.TempDir()
		if err := os.WriteFile(filepath.Join(path, "summary.csv"), text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		directory, err := results.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		contents, err := directory.Read()
		if err != nil {
			t.Fatal(err)
		}
		cells := cellsOf(contents.Summaries, results.MeasuredCells(contents.Trials, contents.Windows), contents.Transports)
		for i, figure := range catalogue() {
			stuck := time.AfterFunc(timeout, func() {
				debug.SetTraceback("all")
				panic(figure.name + " does not end")
			})
			s, err := figure.compose(cells)
			var drawn *recording
			if err == nil {
				drawn, err = s.record()
			}
			if err == nil && i == int(rasterised)%len(catalogue()) {
				err = drawn.png(new(bytes.Buffer))
			}
			stuck.Stop()
			if _, omitted := errors.AsType[errNoData](err); err != nil && !omitted && !strings.Contains(err.Error(), "do not fit") {
				t.Errorf("%s: %v", figure.name, err)
			}
		}
	})
}
