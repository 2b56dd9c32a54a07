// Package choice finds out which of several ways is the cheapest, from what they have cost.
//
// Costs change with the machine and with what else runs on it, so no way is given up for good: each use
// of the cheapest saves up a small share of its cost, and when the savings pay for a use of another
// way, that is tried once. So trials cost no more than that share, however the machine changes, and are
// made more often the less they cost.
package choice

const (
	// weight is that of the newest cost in an estimate.
	weight = 0.25
	// outlier is how many times the expected cost one use counts at most.
	outlier = 3
	// First is how many uses an estimate begins with: their least counts, since the very first
	// finds cold memory.
	First = 3
	// share of the costs goes into trials.
	share = 0.03
)

// Estimate follows a cost, in any unit.
type Estimate struct {
	cost float64
	seen int
}

// Observe notes what a use has cost.
func (e *Estimate) Observe(cost float64) {
	e.seen++
	switch {
	case e.seen == 1 || e.seen <= First && cost < e.cost:
		e.cost = cost
	case e.seen > First:
		e.cost += weight * (min(cost, outlier*e.cost) - e.cost)
	}
}

// Or is what is expected, or the usual cost where nothing has been seen.
func (e *Estimate) Or(usual float64) float64 {
	if e.seen == 0 {
		return usual
	}
	return e.cost
}

// Seen is how many costs were observed.
func (e *Estimate) Seen() int { return e.seen }

// Most is how many ways there can be.
const Most = 3

// Trials are the savings for a trial of each way.
type Trials [Most]float64

// Take returns the way to be used next: the one whose use is expected to cost least, the first of equals,
// unless another can be tried. price is the cost of a trial of each, where that is more than the cost of a use.
func (t *Trials) Take(cost, price []float64) (way int) {
	for i, c := range cost {
		if c < cost[way] {
			way = i
		}
	}
	saved, best := share*cost[way]/float64(max(len(cost)-1, 1)), way
	for i := range cost {
		if i == best {
			continue
		}
		if t[i] += saved; way == best && t[i] >= max(price[i], cost[i]) {
			t[i], way = 0, i
		}
	}
	return way
}
