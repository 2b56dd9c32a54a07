package user

import "math/bits"

// learner finds out for the route that it is one's which way is cheaper for payloads of a size,
// from what hand-offs have cost: there, and back where something has to come back.
//
// There is an estimate of copying for each class of sizes. Of moving windows there is one for
// all classes, since their price does not depend on what is in them; with one for each class
// the few moves of small payloads would say too little. What zeroing takes comes to it. Each
// hand-off takes the way that is expected to be cheaper, and saves up a small part of its cost;
// when the savings pay for a hand-off by the other way, that is tried once. So however the machine
// changes, trials cost no more than that part, and are made more often the less they cost.
type learner struct {
	// crossover is the size in bytes at which the ways cost the same before anything is known.
	crossover float64
	// moving is the cost of moving a window there and back in nanoseconds.
	moving  estimate
	classes [33]class
	// size is that of the payload whose way was chosen last, 0 for none, and moves what was chosen.
	size  int
	moves bool
	// away is the size of the payload whose window has not come back, 0 for none, and price what
	// that has cost so far.
	away  int
	price float64
}

// class is of the payloads whose sizes have as many binary digits. Estimates are in nanoseconds a
// byte.
type class struct {
	copying, zeroing estimate
	// credit is what has been saved for a trial, in nanoseconds.
	credit float64
	// moved says that a payload has moved.
	moved bool
}

const (
	// weight is that of the newest cost in an estimate.
	weight = 0.25
	// outlier is how many times the expected cost one hand-off counts at most.
	outlier = 3
	// first is how many hand-offs an estimate begins with: their least counts, since the very
	// first finds cold memory.
	first = 3
	// share of the costs goes into trials.
	share = 0.03
	// usualMove is the cost of moving a window there and back that is expected before one has
	// moved, in nanoseconds.
	usualMove = 60_000
	// fault is the cost of a page that is not there, in nanoseconds: of a trial with cold memory.
	fault = 15_000
	// doubt is how many times smaller or larger than the crossover payloads are at most for which
	// both ways are tried from the start. rrbench tune looks as far.
	doubt = 8
)

// estimate follows a cost.
type estimate struct {
	cost float64
	seen int
}

func (e *estimate) observe(cost float64) {
	e.seen++
	switch {
	case e.seen == 1 || e.seen <= first && cost < e.cost:
		e.cost = cost
	case e.seen > first:
		e.cost += weight * (min(cost, outlier*e.cost) - e.cost)
	}
}

// or is what has been seen, else the usual cost.
func (e *estimate) or(usual float64) float64 {
	if e.seen == 0 {
		return usual
	}
	return e.cost
}

func newLearner(crossover int64) *learner { return &learner{crossover: float64(crossover)} }

func classOf(size int) int { return bits.Len32(uint32(size)) }

// pick says whether the next payload moves with its window. zeroes says that what comes back is zeroed.
func (l *learner) pick(size int, zeroes bool) (moves bool) {
	if l.size = size; size < leastMoved {
		return l.take(false)
	}
	c, n := &l.classes[classOf(size)], float64(size)
	copied, moved := c.copying.or(usualMove/l.crossover)*n, l.moving.or(usualMove)
	if zeroes {
		moved += c.zeroing.or(copied/n/2) * n
	}
	if n > l.crossover/doubt && n < l.crossover*doubt {
		// The first one touches all memory; copying comes first and last so that in most loops
		// this is over before anything is measured.
		switch {
		case c.copying.seen == 0:
			return l.take(false)
		case l.moving.seen < first:
			return l.take(true)
		case c.copying.seen < first:
			return l.take(false)
		}
	}
	// What payloads of this size have never met does not take over by a guess, with cold memory.
	cold := c.copying.seen == 0 && c.moved
	moves = moved < copied || cold
	taken, other := copied, moved
	if moves {
		taken, other = moved, copied
	}
	if cold {
		other += n / leastMoved * fault
	}
	if c.credit += share * taken; c.credit >= other {
		c.credit, moves = 0, !moves
	}
	return l.take(moves)
}

func (l *learner) take(moves bool) bool {
	l.moves = moves
	return moves
}

// sent notes how long it took until the payload was there, in nanoseconds. moved says that it has moved,
// away that its window will come back. What was to move and could not, or stays, says nothing.
func (l *learner) sent(ns int64, moved, away bool) {
	size := l.size
	l.size, l.away = 0, 0
	if size < leastMoved || moved != l.moves {
		return
	}
	c := &l.classes[classOf(size)]
	c.moved = c.moved || moved
	switch {
	case away:
		l.away, l.price = size, float64(ns)
	case !moved:
		c.copying.observe(float64(ns) / float64(size))
	}
}

// returned notes what the window's way back and zeroing it have taken, in nanoseconds.
func (l *learner) returned(back, zeroing int64) {
	if l.away == 0 {
		return
	}
	l.moving.observe(l.price + float64(back))
	l.classes[classOf(l.away)].zeroing.observe(float64(zeroing) / float64(l.away))
	l.away = 0
}
