package plots

import (
	"fmt"
	"testing"

	"rrbench/results"
)

// Whatever a panel shows, no two of its series look the same.
func TestSeriesAreDistinguishable(t *testing.T) {
	var all []series
	for _, transport := range []string{"user", "user/copy", "user/remap", "kernel/stream", "kernel/memfd", "kernel/cma", "network/splice", "network/stream",
		"network/zerocopy", "http/native", "http/wasi", "limit/memcpy", "limit/unix", "limit/tcp", "limit/redis", "redis", "redis/pubsub"} {
		for _, codec := range []string{"none", "json", "raw"} {
			all = append(all, series{transport, codec, "wazero", "", "intra"}, series{transport, codec, "wasmtime", "", "intra"})
		}
	}
	seen := make(map[string]series)
	for s, look := range styles(all, true) {
		if s.family() == "limit" && s.engine != "wazero" {
			continue // limits have no engine
		}
		key := fmt.Sprint(look)
		if other, twice := seen[key]; twice {
			t.Errorf("%v looks like %v", s, other)
		}
		seen[key] = s
	}
}

// A stand-in is named wherever a series is, and its engine stays the engine.
func TestStandInIsNamed(t *testing.T) {
	of := func(transport, codec, engine string) *cell {
		return &cell{Summary: results.Summary{Cell: results.Cell{Transport: transport, Codec: codec, Engine: engine}}}
	}
	a, b := of("redis", "raw", "wazero+miniredis"), of("limit/redis", "none", "native+miniredis")
	if got := a.series().variant(); got != "redis raw on miniredis" {
		t.Error(got)
	}
	if got := b.series().variant(); got != "limit/redis on miniredis" || !b.series().native() {
		t.Error(got)
	}
	if got := engines([]*cell{a, b, of("redis", "raw", "wazero")}); fmt.Sprint(got) != "[wazero]" {
		t.Error(got)
	}
}

func TestPanelsShareTheLookOfATransport(t *testing.T) {
	a, b := series{"user/copy", "none", "wazero", "", "intra"}, series{"user/copy", "none", "wasmtime", "", "inter"}
	looks := styles([]series{a, b}, false)
	if fmt.Sprint(looks[a]) != fmt.Sprint(looks[b]) {
		t.Errorf("%+v and %+v", looks[a], looks[b])
	}
}
