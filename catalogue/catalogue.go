// Package catalogue lists the transports. A new one is one line here, a new limit one in package limits.
package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"rrbench/baselines/external"
	"rrbench/baselines/http"
	"rrbench/baselines/limits"
	"rrbench/baselines/redis"
	"rrbench/baselines/wasi"
	"rrbench/modes/kernel"
	"rrbench/modes/network"
	"rrbench/modes/user"
	"rrbench/transport"
)

// All returns every transport, in display order, also those that cannot run here: their Check returns why.
func All() []transport.Transport {
	return slices.Concat([]transport.Transport{
		user.NewCopy(),
		user.NewRemap(),
		user.NewMemfd(),
		adaptive{user.NewAdaptive, user.NewLearning, transport.Crossover{Below: "user/copy", From: "user/memfd", Default: user.DefaultCrossover, Learns: true}},
		kernel.NewStream(),
		kernel.NewRing(),
		kernel.NewMemfd(),
		kernel.NewCMA(),
		adaptive{kernel.NewAdaptive, kernel.NewLearning, transport.Crossover{Below: "kernel/ring", From: "kernel/memfd", Default: kernel.DefaultCrossover, Learns: true}},
		network.NewSplice(),
		network.NewZerocopy(),
		network.NewStream(),
		adaptive{network.NewAdaptive, nil, transport.Crossover{Below: "network/stream", From: "network/splice", Default: network.DefaultCrossover}},
		wasi.New(),
		http.New(),
		http.NewContainer(),
		external.New(),
		redis.New(),
		redis.NewPubSub(),
	}, limits.All(), []transport.Transport{redis.NewLimit()})
}

// Named returns those that a user can name: every transport, and those that stand for one of them.
func Named() []transport.Transport { return append(All(), auto{}) }

// Find returns the transport of that name.
func Find(name string) (transport.Transport, error) { return FindAmong(Named(), name) }

// FindAmong returns the transport of that name. The error suggests similar names, or lists all where none is similar.
func FindAmong(all []transport.Transport, name string) (transport.Transport, error) {
	if i := slices.IndexFunc(all, func(t transport.Transport) bool { return t.Info().Name == name }); i >= 0 {
		return all[i], nil
	}
	var names, near []string
	for _, t := range all {
		known := t.Info().Name
		names = append(names, known)
		// The user may have meant a part of the name ("copy", "kernel/"), or mistyped a letter or two.
		if lower := strings.ToLower(name); len(lower) >= 3 && strings.Contains(known, lower) || distance(known, lower) <= 2 {
			near = append(near, known)
		}
	}
	if len(near) > 0 {
		return nil, fmt.Errorf("unknown transport %q: did you mean %s?", name, strings.Join(near, " or "))
	}
	slices.Sort(names)
	return nil, fmt.Errorf("unknown transport %q: known are %s", name, strings.Join(names, ", "))
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := diagonal
			if a[i] != b[j] {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(substituted, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
