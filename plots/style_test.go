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
	return newCell(results.Summary{Cell: cell}, nil).series
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
