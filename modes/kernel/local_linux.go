package kernel

import (
	"rrbench/modes"
	"rrbench/modes/internal/relay"
)

func newLending(from int) func(*modes.Function, []int) (relay.Referrer, error) {
	return func(source *modes.Function, _ []int) (relay.Referrer, error) {
		l := &lending{from: from}
		source.SetLender(l)
		return l, nil
	}
}

func newPointing(from int) func(*modes.Function, []int) (relay.Referrer, error) {
	return func(_ *modes.Function, processes []int) (relay.Referrer, error) {
		return point(from, processes)
	}
}
