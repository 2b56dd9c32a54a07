package plots

import (
	"fmt"
	"slices"
	"testing"

	"rrbench/results"
	"rrbench/results/resultstest"
)

// Whatever a panel shows, no two of its series look the same.
func TestSeriesAreDistinguishable(t *testing.T) {
	var all []series
	for _, transport := range []string{"user", "user/copy", "user/remap", "kernel/stream", "kernel/memfd", "kernel/cma", "network/splice", "network/stream",
		"network/zerocopy", "http/native", "http/wasi", "limit/memcpy", "limit/unix", "limit/tcp", "limit/redis", "redis", "redis/pubsub"} {
		for _, codec := range []string{"none", "json", "raw"} {
			all = append(all, seriesOf(transport, codec, "wazero"), seriesOf(transport, codec, "wasmtime"))
		}
	}
	seen := make(map[string]series)
	for s, look := range styles(all, true) {
		if s.limit && s.engine != "wazero" {
			continue // limits have no engine
		}
		key := fmt.Sprintf("%#v", look)
		if other, twice := seen[key]; twice {
			t.Errorf("%v looks like %v", s, other)
		}
		seen[key] = s
	}
}

func seriesOf(transport, codec, engine string) series {
	cell := results.Cell{Transport: transport, Codec: codec, Engine: engine, Placement: "intra"}
	return newCell(results.Summary{Cell: cell}, results.Transports(nil).Of(transport)).series
}

// What the manifest says of a transport decides, not its name.
func TestLegendsFollowTheManifest(t *testing.T) {
	trials := resultstest.Trials(resultstest.Plan{
		Transports: []string{"pigeon", "user/copy", "kernel/stream", "limit/memcpy"}, Engines: []string{"wazero"}, Codecs: []string{"raw"},
		Placements: []string{"intra"}, Sizes: []int64{1 << 20}, Fanouts: []int{1}, Concurrencies: []int{1}, Rates: []results.Rate{0}, Origins: []string{""}, Rounds: 1, Starts: 1,
	})
	said := results.Transports{
		{Name: "pigeon", Family: "kernel", Place: 2},
		{Name: "user/copy", Family: "limit", Place: 1},
		{Name: "kernel/stream", Family: "kernel", Place: 1},
	}
	for _, test := range []struct {
		said results.Transports
		want []string
	}{
		{said, []string{"kernel/stream", "pigeon", "limit/memcpy", "user/copy"}},
		{nil, []string{"user/copy", "kernel/stream", "limit/memcpy", "pigeon"}},
	} {
		var got []string
		for _, s := range ordered(cellsOf(resultstest.Summarize(trials), nil, test.said)) {
			got = append(got, s.transport)
			if s.transport == "pigeon" && (s.color == bluishGreen) != (test.said != nil) {
				t.Errorf("color %v", s.color)
			}
			if s.limit != (s.transport == "limit/memcpy" || s.transport == "user/copy" && test.said != nil) {
				t.Errorf("%s is a limit: %v", s.transport, s.limit)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// Cells that differ in their conditions alone are different series, and named so; those of a
// transport that knows no condition, or in a run with one, are not.
func TestConditionsAreSeries(t *testing.T) {
	plan := resultstest.Single()
	for _, origins := range [][]string{{"buffer"}, {"buffer", "heap"}} {
		plan.Origins = origins
		var got []string
		for _, s := range ordered(cellsOf(resultstest.Summarize(resultstest.Trials(plan)), nil, nil)) {
			got = append(got, s.variant())
		}
		want := []string{"user/copy", "limit/memcpy"}
		if len(origins) > 1 {
			want = []string{"user/copy buffer", "user/copy heap", "limit/memcpy"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A stand-in is named wherever a series is, and its engine stays the engine.
func TestStandInIsNamed(t *testing.T) {
	a, b := seriesOf("redis", "raw", "wazero+miniredis"), seriesOf("limit/redis", "none", "native+miniredis")
	if a.variant() != "redis raw on miniredis" || a.engine != "wazero" {
		t.Error(a)
	}
	if b.variant() != "limit/redis on miniredis" || b.engine != "" {
		t.Error(b)
	}
}

// No panel has more than six lines, and every transport is in one of them, with the limit that it
// names as a reference.
func TestFamiliesHavePanels(t *testing.T) {
	plan := every()
	plan.Sizes = plan.Sizes[:2]
	f := &lineFigure{x: payload, measure: latency, cells: made(resultstest.Trials(plan), infos)}
	shown := f.shown()
	whole, _ := f.facets(shown, engines(ordered(shown)), true)
	panels, _ := f.split(whole, shown)
	drawn := make(map[series]int)
	for _, panel := range panels {
		lines := panel.series(shown)
		if len(lines) == 0 || len(lines) > mostLines-2 || len(panel.best) == 0 {
			t.Errorf("%s has %d lines", panel.title, len(lines))
		}
		for _, line := range lines {
			drawn[line]++
			if line.transport == "user/copy" && len(panel.limit) == 0 {
				t.Errorf("%s lacks its limit", panel.title)
			}
		}
		for _, line := range lines[1:] {
			if line.grouped() != lines[0].grouped() {
				t.Errorf("%s has %s and %s", panel.title, lines[0].transport, line.transport)
			}
		}
	}
	for _, s := range ordered(shown) {
		want := 1
		switch {
		case s.transport == "limit/memcpy":
			want = 0 // a line of reference
		case s.engine == "":
			want = len(plan.Engines) // native ones are in the panels of each engine
		}
		if drawn[s] != want {
			t.Errorf("%s %s %s is in %d panels, want %d", s.transport, s.engine, s.placement, drawn[s], want)
		}
	}
}
