package kernel

import (
	"rrbench/modes"
	"rrbench/modes/sockets"
)

func newLending(from int) func(*modes.Function, []int) (sockets.Referrer, error) {
	return func(source *modes.Function, _ []int) (sockets.Referrer, error) {
		l := &lending{from: from}
		source.SetLender(l)
		source.PrepareInBlocks()
		return l, nil
	}
}

func newPointing(from int) func(*modes.Function, []int) (sockets.Referrer, error) {
	return func(_ *modes.Function, processes []int) (sockets.Referrer, error) {
		return point(from, processes)
	}
}
