package plots

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"rrbench/results"
	"rrbench/results/resultstest"
)

// evaluation is a made-up run of the paper's evaluation. Its cells are not to be changed.
var evaluation = sync.OnceValue(func() []*cell {
	plan := resultstest.Single()
	plan.Transports = []string{"limit/memcpy", "limit/tcp", "user/copy", "user/remap", "kernel/stream", "kernel/memfd", "network/splice", "network/zerocopy", "http/container", "http/wasi", "auto", "redis/pubsub"}
	plan.Placements, plan.Rounds, plan.Starts = []string{"intra", "inter"}, 3, 3
	plan.Engines = []string{"wazero", "wasmtime"}
	plan.Sizes = []int64{1 << 20, 10 << 20, 60 << 20, 100 << 20, 500 << 20}
	trials := resultstest.Trials(plan)
	plan.Sizes, plan.Fanouts = []int64{2 << 20, 10 << 20}, []int{10, 40}
	for _, trial := range resultstest.Trials(plan) {
		trial.CellIndex += 1000
		trial.FanoutOrder = "parallel"
		trials = append(trials, trial)
	}
	plan.Sizes, plan.Fanouts, plan.Fanins, plan.Placements = []int64{2 << 20}, []int{1}, []int{1, 2, 5, 10}, []string{"intra"}
	for _, trial := range resultstest.Trials(plan) {
		trial.CellIndex += 2000
		trials = append(trials, trial)
	}
	return made(trials, nil)
})

// paperFigureOf composes a figure of a paper.
func paperFigureOf(t *testing.T, name string, cells []*cell) *sheet {
	t.Helper()
	for _, figure := range paperFigures() {
		if figure.name == name {
			s, err := figure.compose(cells)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}
	t.Fatal("no figure " + name)
	return nil
}

func TestPaperFigures(t *testing.T) {
	cells := evaluation()
	figures := paperFigures()
	count := 0
	for _, figure := range figures {
		if !strings.HasPrefix(figure.name, "cwasi-") {
			count++
		}
	}
	if count != 35 || len(figures) != 35+8 {
		t.Errorf("%d figures, %d of them of the Roadrunner paper", len(figures), count)
	}
	for _, figure := range figures {
		t.Run(figure.name, func(t *testing.T) {
			if figure.name == coldStartFigure {
				return // of programs: TestProgramFigures
			}
			s, err := figure.compose(cells)
			if err != nil {
				t.Fatal(err)
			}
			if err := checkSheet(t, figure.name, s).pdf(new(bytes.Buffer)); err != nil {
				t.Error(err)
			}
			from := make(map[string]int)
			transports := make(map[string]bool)
			for _, row := range s.table[1:] {
				if len(row) != len(s.table[0]) {
					t.Errorf("row %v", row)
				}
				from[row[0]]++
				if row[0] == "run" {
					transports[row[2]] = true
				}
			}
			if from["run"] == 0 || from["published"] == 0 && figure.name != "cwasi-fanout-resource" {
				t.Errorf("rows %v", from)
			}
			if len(transports) > 6 || len(transports) < 2 {
				t.Errorf("it shows %v", transports)
			}
		})
	}
}

// What is doubtful is crossed, with the log's value beside it and the reason in the caption.
func TestDoubtfulValues(t *testing.T) {
	cells := evaluation()
	for name, words := range map[string]string{
		"intra-latency":                  "log-differs: the authors' own log has another value",
		"inter-throughput":               "self-contradiction: another published value excludes it",
		"fanout-inter-latency":           "outliers-dropped: the mean leaves tasks out",
		"breakdown":                      "derived: computed from other bars, not measured",
		"intra-cpu-user":                 "fraction of each panel's maximum",
		"fanout-intra-throughput":        "1 / latency of tasks that ran one after another",
		"inter-serialization-latency":    "serialize nothing",
		"fanout-intra-ram":               "Hollow: as published, other hardware.",
		"inter-serialization-throughput": "figure 8 (by grouping)",
	} {
		if s := paperFigureOf(t, name, cells); !strings.Contains(s.caption, words) {
			t.Errorf("%s: no %q in %q", name, words, s.caption)
		}
	}
	found := false
	table := paperFigureOf(t, "intra-latency", cells).table
	for _, row := range table {
		line := strings.Join(row, ",")
		found = found || strings.HasPrefix(line, "published,roadrunner-kernel,,,,intra,1048576,1,") && strings.Contains(line, "latency,ns,172800000,,,172800000,log-differs,4231000,polaris-slo-cloud/roadrunner,yes")
	}
	if !found {
		t.Errorf("no published value of kernel mode at 1 MB in %v", table)
	}
}

// A figure whose cells the run lacks names the command that measures them.
func TestPaperFiguresWithoutData(t *testing.T) {
	trials := resultstest.Trials(resultstest.Single())
	summaries := resultstest.Summarize(trials)
	for name, cells := range map[string][]*cell{
		"none":         nil,
		"summary only": cellsOf(summaries, nil, nil),
	} {
		for _, figure := range paperFigures() {
			_, err := figure.compose(cells)
			reason, ok := errors.AsType[errNoData](err)
			if !ok || strings.Contains(string(reason), "\n") || !strings.Contains(string(reason), "rrbench sweep --") && !strings.Contains(string(reason), "does not measure") {
				t.Errorf("%s: %s: %v", name, figure.name, err)
			}
		}
	}
}

// What another experiment has measured of few systems stretches no axis.
func TestPaperFigureOfSeveralExperiments(t *testing.T) {
	plan := resultstest.Single()
	plan.Transports, plan.Starts = []string{"user/copy", "kernel/stream", "http/wasi", "http/container"}, 3
	plan.Sizes = []int64{1 << 20, 10 << 20}
	trials := resultstest.Trials(plan)
	plan.Transports, plan.Sizes = plan.Transports[:1], []int64{4 << 10}
	for _, trial := range resultstest.Trials(plan) {
		trial.CellIndex += 1000
		trials = append(trials, trial)
	}
	cells := cellsOf(results.Summarize(trials, nil, 0), results.MeasuredCells(trials, nil), nil)
	s := paperFigureOf(t, "intra-latency", cells)
	own := where(s.table, func(row []string) bool { return row[0] == "run" })
	if len(own) != 8 {
		t.Errorf("%d points of this run, want 4 systems at 2 sizes: %v", len(own), own)
	}
}

// A cell that failed interrupts its line, and stands in the CSV with the reason.
func TestFailedCellOfPaperFigure(t *testing.T) {
	cells := slices.Clone(evaluation())
	for i, c := range cells {
		if c.Transport == "http/wasi" && c.SizeBytes == 60<<20 {
			failed := *c
			failed.Status, failed.Reason = results.Failed, "digest differs"
			cells[i] = &failed
		}
	}
	for _, name := range []string{"intra-latency", "intra-cpu-total"} {
		s := paperFigureOf(t, name, cells)
		checkSheet(t, name, s)
		failed, drawn := 0, 0
		for _, row := range s.table {
			switch why := row[slices.Index(s.table[0], "drawn")]; {
			case row[0] == "run" && row[2] == "http/wasi" && row[6] == "62914560":
				failed++
				if why != "no: failed, digest differs" || row[14] != "" {
					t.Errorf("row %q", row)
				}
			case row[0] == "run" && why == "yes":
				drawn++
			}
		}
		if failed != 1 || drawn != 6*6-1 {
			t.Errorf("%s: %d rows of it, %d others", name, failed, drawn)
		}
	}
}

// A point of an SVG leads to the row of its cell, which the figure's CSV has; the ratio in the CSV of a crossover is
// that of the two cells that it names.
func TestLinksAndCrossover(t *testing.T) {
	cells := evaluation()
	s, err := crossover(cells)
	if err != nil {
		t.Fatal(err)
	}
	var drawing bytes.Buffer
	if err := checkSheet(t, "crossover", s).svg(&drawing); err != nil {
		t.Fatal(err)
	}
	svg := drawing.String()
	if n := strings.Count(svg, "<a href=\""+LinkTo); n != len(s.table)-1 {
		t.Errorf("%d links for %d points", n, len(s.table)-1)
	}
	latencies := make(map[string]float64)
	for _, c := range cells {
		latencies[c.ID()] = c.LatencyMedian
	}
	for _, row := range s.table[1:] {
		if !strings.Contains(svg, LinkTo+row[10]+"\"") {
			t.Errorf("no link to %s", row[10])
		}
		if want := decimal(latencies[row[10]] / latencies[row[9]]); row[0] == "until delivered" && row[6][:6] != want[:6] {
			t.Errorf("row %v, want %s", row, want)
		}
	}
	if _, err := crossover(where(cells, func(c *cell) bool { return c.SizeBytes == 1<<20 })); err == nil {
		t.Error("one size has a crossover")
	}
}
