package results_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"rrbench/results"
	"rrbench/results/resultstest"
)

// transports is what a run's manifest says of some.
var transports = results.Transports{
	{Name: "user/copy", Family: "user", Limits: []string{"limit/memcpy"}},
	{Name: "user", Family: "user", Limits: []string{"limit/memcpy", "limit/mremap", "limit/missing"}},
	{Name: "kernel/stream", Family: "kernel", Limits: []string{"limit/unix"}},
	{Name: "network/splice", Family: "network", Limits: []string{"limit/tcp"}},
	{Name: "http/native", Family: "http", Limits: []string{"limit/tcp"}},
	{Name: "redis/pubsub", Family: "redis", Limits: []string{"limit/redis"}},
}

func render(t *testing.T, summaries []results.Summary) string {
	t.Helper()
	var out strings.Builder
	if err := results.WriteTable(&out, summaries, transports); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// allTransports is a plan of 50 rows and more, with the longest names.
func allTransports() resultstest.Plan {
	plan := resultstest.Single()
	plan.Transports = []string{"limit/memcpy", "limit/unix", "limit/tcp", "user/copy", "user/remap", "kernel/stream", "kernel/memfd", "network/splice", "network/zerocopy", "http/native"}
	plan.Engines = []string{"wazero", "wasmtime"}
	plan.Codecs = []string{"json", "json-std", "raw"}
	plan.Sizes = []int64{64 << 10, 1 << 20, 100 << 20}
	return plan
}

func TestTableFitsTheTerminal(t *testing.T) {
	out := render(t, resultstest.Summarize(resultstest.Trials(allTransports())))
	for line := range strings.SplitSeq(out, "\n") {
		if width := utf8.RuneCountInString(line); width > 160 {
			t.Errorf("%d columns: %s", width, line)
		}
	}
	for _, part := range []string{"\n64 KiB\n", "\n1 MiB\n", "\n100 MiB\n", "network/zerocopy", "json-std"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	if strings.Contains(out, "fan") || strings.Contains(out, "conc") {
		t.Error("columns of what does not vary")
	}
}

func TestTableRatioToTheLimit(t *testing.T) {
	trials := resultsOf("limit/memcpy", "limit/mremap", "user/copy", "user", "kernel/stream", "limit/redis", "redis/pubsub")
	for i := range trials {
		trials[i].Latency = map[string]int64{"limit/memcpy": 1000, "limit/mremap": 500, "user/copy": 1250, "user": 1500, "kernel/stream": 5000, "limit/redis": 2000, "redis/pubsub": 3000}[trials[i].Transport]
	}
	out := render(t, resultstest.Summarize(trials))
	for transport, ratio := range map[string]string{"limit/memcpy": "MiB", "user/copy": "1.25", "  user  ": "3.00", "kernel/stream": "MiB", "limit/redis": "MiB", "redis/pubsub": "1.50"} {
		for line := range strings.SplitSeq(out, "\n") {
			if strings.Contains(line, transport) && !strings.HasSuffix(line, ratio) {
				t.Errorf("%q does not end with %q", line, ratio)
			}
		}
	}
}

func TestTableListsWhatDidNotRun(t *testing.T) {
	plan := resultstest.Single()
	plan.Transports, plan.Sizes = []string{"user/copy"}, []int64{1 << 20, 10 << 20}
	trials := resultstest.Trials(plan)
	for i := range trials {
		trials[i].Status, trials[i].Reason = results.Skipped, "no root"
	}
	want := "\n2 cells skipped\n  user/copy wazero none, 1 MiB, 10 MiB: no root\n"
	if got := render(t, resultstest.Summarize(trials)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := render(t, nil); got != "" {
		t.Errorf("of nothing %q", got)
	}
}

func TestTableShowsFanoutWhenItVaries(t *testing.T) {
	plan := resultstest.Single()
	plan.Fanouts, plan.Placements = []int{1, 10}, []string{"intra", "inter"}
	plan.Rounds = 3
	out := render(t, resultstest.Summarize(resultstest.Trials(plan)))
	for _, part := range []string{" fan ", "1 MiB · inter", "~ fewer than 6 starts"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
}

// Conditions and rates have a column where rows differ in them.
func TestTableShowsConditionsThatDiffer(t *testing.T) {
	plan := resultstest.Single()
	plan.Origins, plan.Rates = []string{"buffer", "heap"}, []results.Rate{0, 1000, 100000}
	out := render(t, resultstest.Summarize(resultstest.Trials(plan)))
	header, _, _ := strings.Cut(out, "\n")
	if got := strings.Fields(header); strings.Join(got[:6], " ") != "transport engine origin rate/s n latency" {
		t.Errorf("header %q", header)
	}
	for _, part := range []string{"^    wazero buffer 100,000", " heap ", " 100,000 ", " – ", "^ saturated: "} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
}
