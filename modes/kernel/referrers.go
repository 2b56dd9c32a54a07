package kernel

import (
	"rrbench/modes"
	"rrbench/modes/sockets"
)

func newMemfdReferrer(source *modes.Function, _ []int) (sockets.Referrer, error) {
	return lend(source, &memfd{}), nil
}

func newChoosing(crossover int64) func(*modes.Function, []int) (sockets.Referrer, error) {
	return func(source *modes.Function, _ []int) (sockets.Referrer, error) {
		return lend(source, choose(crossover)), nil
	}
}

// lend has the payloads that a function prepares lie where a mechanism has them.
func lend(source *modes.Function, m mechanism) mechanism {
	source.SetLender(m)
	source.PrepareInBlocks()
	return m
}

func newRemoteReadReferrer(_ *modes.Function, processes []int) (sockets.Referrer, error) {
	return NewRemoteRead(processes)
}
