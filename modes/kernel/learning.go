package kernel

import (
	"rrbench/measure"
	"rrbench/memory"
	"rrbench/modes"
	"rrbench/modes/sockets"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// The ways that copy, as a modes.Learner numbers them: through the ring, and through the socket beside it.
const (
	byRing = iota
	bySocket
	copyingWays
)

// NewLearning is kernel: each route learns which of kernel/ring, kernel/stream and kernel/memfd is the
// cheapest one for payloads of a size, from what its hand-offs cost. Whichever that is, frames go through the
// ring. It starts as if crossover were where a memory file costs what copying does.
func NewLearning(crossover int64) transport.Transport {
	return adaptive(int64(memory.Size), func() mechanism { return &learning{crossover: crossover} })
}

// learning is a source of three mechanisms.
type learning struct {
	memfd
	crossover int64
	learner   *modes.Learner
	// size is that of the next payload when its way was chosen, else 0.
	size, way int
	// taken is the way that the payload under way has taken, and finished how long it took to end that.
	taken    int
	finished int64
}

var _ sockets.Chooser = (*learning)(nil)

func (c *learning) pick(region *modes.Region, size int) {
	if c.size == size {
		return
	}
	if c.learner == nil {
		c.learner = modes.NewLearner(modes.LearnerOptions{
			Crossover: c.crossover, Copies: copyingWays, Least: memory.Size, Windows: region.Window() != nil,
		})
	}
	c.size, c.way = size, c.learner.Pick(size, false)
}

func (c *learning) BeforeFill(region *modes.Region) {
	c.pick(region, int(region.Len()))
	c.prepare(region, c.way == copyingWays)
}

func (c *learning) Refer(region *modes.Region, payload []byte) (reference stream.Reference, ok bool, err error) {
	c.pick(region, len(payload))
	c.taken, c.finished = c.way, 0
	if c.way != copyingWays {
		return stream.Reference{}, false, nil
	}
	if reference, ok, err = c.memfd.Refer(region, payload); !ok {
		c.taken = byRing
	}
	return reference, ok, err
}

func (c *learning) Finish(region *modes.Region, payload []byte, held int) error {
	began := measure.Now()
	err := c.memfd.Finish(region, payload, held)
	c.finished = measure.Now() - began
	return err
}

// BySocket implements sockets.Chooser.
func (c *learning) BySocket() bool { return c.way == bySocket }

// Sent learns from deliveries, of which the last to begin counts.
func (c *learning) Sent(deliveries []transport.Delivery) {
	latency := int64(0)
	for i := range deliveries {
		if deliveries[i].Err != nil {
			c.taken = -1 // it says nothing
		}
		latency = max(latency, deliveries[i].Timeline.Latency())
	}
	c.learner.Sent(latency, c.taken, c.taken == copyingWays)
	c.size = 0
}

// Recycled implements sockets.Chooser.
func (c *learning) Recycled(ns int64) {
	if c.learner != nil {
		c.learner.Returned(c.finished+ns, 0)
	}
}
