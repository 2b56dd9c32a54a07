package modes

import (
	"math/bits"

	"rrbench/choice"
)

// Learner finds out for the route that it is one's which way is the cheapest for payloads of a size,
// from what hand-offs have cost: there, and back where something has to come back (package choice).
// Some ways copy, one moves pages.
//
// There is an estimate of each way that copies for each class of sizes. Of moving there is one for
// all classes where windows move, since their price does not depend on what is in them; with one for
// each class the few moves of small payloads would say too little. What zeroing takes comes to it.
type Learner struct {
	options LearnerOptions
	// moving is the cost of moving a window there and back in nanoseconds.
	moving  choice.Estimate
	classes [33]class
	// size is that of the payload whose way was chosen last, 0 for none, and way what was chosen.
	size, way int
	// away is the size of the payload whose pages have not come back, 0 for none, and price what
	// that has cost so far.
	away  int
	price float64
}

// LearnerOptions make a Learner.
type LearnerOptions struct {
	// Crossover is the size in bytes at which copying and moving cost the same before anything is
	// known.
	Crossover int64
	// Copies is how many ways copy. They are numbered from 0; the one that is thought to be the
	// cheapest comes first. The number after them is that of moving.
	Copies int
	// Least is the smallest payload that moves, in bytes.
	Least int
	// Windows says that what moves is a window. Without, the cost of moving depends on the size.
	Windows bool
}

// class is of the payloads whose sizes have as many binary digits. Estimates are in nanoseconds a
// byte.
type class struct {
	copying         [choice.Most - 1]choice.Estimate
	moving, zeroing choice.Estimate
	trials          choice.Trials
	// moved says that a payload has moved.
	moved bool
}

const (
	// usualMove is the cost of moving a window there and back that is expected before one has
	// moved, in nanoseconds.
	usualMove = 60_000
	// fault is the cost of a page that is not there, in nanoseconds: of a trial with cold memory.
	fault, faultSize = 15_000, 4 << 10
	// doubt is how many times smaller or larger than the crossover payloads are at most for which
	// copying and moving are tried from the start. rrbench tune looks as far.
	doubt = 8
)

// NewLearner makes one. The crossover may be transport.Never.
func NewLearner(options LearnerOptions) *Learner { return &Learner{options: options} }

func classOf(size int) int { return bits.Len32(uint32(size)) }

// Moving is the way that moves.
func (l *Learner) Moving() int { return l.options.Copies }

// Pick chooses the way for the next payload. zeroes says that what comes back is zeroed.
func (l *Learner) Pick(size int, zeroes bool) (way int) {
	l.size, l.way = size, 0
	copies, moves := l.options.Copies, size >= l.options.Least
	if copies == 1 && !moves {
		return 0
	}
	c, n, crossover := &l.classes[classOf(size)], float64(size), float64(l.options.Crossover)
	var costs, price [choice.Most]float64
	cost := costs[:copies]
	for i := range cost {
		cost[i] = c.copying[i].Or(c.copying[0].Or(usualMove/crossover)) * n
	}
	cold := false
	if moves {
		moved := l.moving.Or(usualMove)
		if !l.options.Windows {
			moved = c.moving.Or(usualMove/n) * n
		}
		if zeroes {
			moved += c.zeroing.Or(cost[0]/n/2) * n
		}
		cost = append(cost, moved)
		seen := c.moving.Seen()
		if l.options.Windows {
			seen = l.moving.Seen()
		}
		if n > crossover/doubt && n < crossover*doubt {
			// The first one touches all memory; copying comes first and last so that in most loops
			// this is over before anything is measured.
			switch {
			case c.copying[0].Seen() == 0:
				return 0
			case seen < choice.First:
				return l.take(copies)
			case c.copying[0].Seen() < choice.First:
				return 0
			}
		}
		cold = c.copying[0].Seen() == 0 && c.moved
	}
	if cold {
		// What payloads of this size have never met does not take over by a guess, with cold memory.
		for i := range copies {
			price[i] = cost[i] + n/faultSize*fault
			cost[i] = max(cost[i], 1.01*cost[copies])
		}
	}
	way = c.trials.Take(cost, price[:len(cost)])
	if way < copies && !cold {
		// Of the ways that copy each is tried from the start.
		for i := range copies {
			if c.copying[i].Seen() < choice.First {
				return l.take(i)
			}
		}
	}
	return l.take(way)
}

func (l *Learner) take(way int) int {
	l.way = way
	return way
}

// Sent notes how long it took until the payload was there by a way, in nanoseconds. away says that
// pages have moved that will come back. What was to go one way and went another says nothing, nor
// do pages that stay.
func (l *Learner) Sent(ns int64, way int, away bool) {
	size := l.size
	l.size, l.away = 0, 0
	if size == 0 || way != l.way {
		return
	}
	c := &l.classes[classOf(size)]
	moved := way == l.options.Copies
	c.moved = c.moved || moved
	switch {
	case away:
		l.away, l.price = size, float64(ns)
	case !moved:
		c.copying[way].Observe(float64(ns) / float64(size))
	}
}

// Returned notes what the pages' way back and zeroing them have taken, in nanoseconds.
func (l *Learner) Returned(back, zeroing int64) {
	if l.away == 0 {
		return
	}
	c, n, cost := &l.classes[classOf(l.away)], float64(l.away), l.price+float64(back)
	if l.options.Windows {
		l.moving.Observe(cost)
	} else {
		c.moving.Observe(cost / n)
	}
	c.zeroing.Observe(float64(zeroing) / n)
	l.away = 0
}
