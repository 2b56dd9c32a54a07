package results

import "testing"

// An id stands in files that others keep: it must not change.
func TestPointID(t *testing.T) {
	p := Point{Cell: Cell{"sequential", "user/copy", "wazero", "none", "intra", 1 << 20, 1, 1}, Conditions: Conditions{Origin: "buffer", Consume: "read"}}
	if id := p.ID(); id != "d6a7de10616b" {
		t.Errorf("id %s", id)
	}
}

// A phase of a program is measured again with all others of its run.
func TestSettingsOfPrograms(t *testing.T) {
	m := Manifest{Plan: []byte(`{"seed": 7, "warmup": 1, "deadline_ns": 30000000000, "cells": [{"transport": "compute/nbody", "engine": "own", "codec": "none", "placement": "intra",
		"size_bytes": 26, "fanout": 1, "concurrency": 1, "fanin": 1, "launcher": "process", "reps": 5, "starts": 5, "kind": "compute", "full": true, "command": "own=run {module} {args}"}]}`)}
	s := Summary{Cell: Cell{"compute-full", "compute/nbody", "own", "none", "intra", 26, 1, 1}, Conditions: Conditions{Fanin: 1, Launcher: "process", Phase: "total"}}
	s.Experiment = ""
	settings, _ := m.Settings()(&s)
	const want = "rrbench sweep --experiment compute --transports compute/nbody --engines own --launcher process --runtime 'own=run {module} {args}' --full --starts 5 --rounds 1 --deadline 30s"
	if got := CommandOf(settings); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSettings(t *testing.T) {
	for _, test := range []struct{ name, plan, want string }{
		{"rounds the same for all starts", `{"seed": 7, "warmup": 1, "deadline_ns": 30000000000, "cells": [{"transport": "redis", "engine": "wazero", "codec": "raw", "placement": "intra",
			"size_bytes": 10, "fanout": 4, "concurrency": 1, "fanout_order": "serial", "reps": 6, "starts": 3, "payload": "text", "guest": "c", "parameter": "unix"}]}`,
			"rrbench sweep --transports redis --engines wazero --codecs raw --placement intra --sizes 10B --fanout 4 --fanout-order serial --concurrency 1 " +
				"--starts 3 --rounds 2 --payload text --guest c --warmup 1 --seed 7 --deadline 30s --redis unix"},
		{"rounds spread over starts", `{"cells": [{"transport": "redis", "engine": "wazero", "codec": "raw", "placement": "intra",
			"size_bytes": 10, "fanout": 4, "concurrency": 1, "fanout_order": "serial", "reps": 5, "starts": 3, "guest": "it's mine.wasm"}]}`,
			"rrbench sweep --transports redis --engines wazero --codecs raw --placement intra --sizes 10B --fanout 4 --fanout-order serial --concurrency 1 " +
				`--reps 5 --guest 'it'\''s mine.wasm'`},
		{"no plan", `{`, "rrbench sweep --transports redis --engines wazero --codecs raw --placement intra --sizes 10B --fanout 4 --fanout-order serial --concurrency 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := Manifest{Plan: []byte(test.plan), Transports: Transports{{Name: "redis", Flag: "redis"}}}
			s := Summary{Cell: Cell{Transport: "redis", Engine: "wazero", Codec: "raw", Placement: "intra", SizeBytes: 10, Fanout: 4, Concurrency: 1}, Conditions: Conditions{FanoutOrder: "serial"}}
			settings, _ := m.Settings()(&s)
			if got := CommandOf(settings); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
