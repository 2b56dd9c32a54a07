package choice

import (
	"math"
	"math/rand/v2"
	"testing"
)

// An outlier says little, and the first costs count by their least.
func TestEstimate(t *testing.T) {
	var e Estimate
	if got := e.Or(7); got != 7 {
		t.Errorf("nothing was seen: %v", got)
	}
	for i, step := range []struct{ cost, want float64 }{{500, 500}, {100, 100}, {900, 100}, {100, 100}, {1e9, 150}, {150, 150}, {50, 125}} {
		if e.Observe(step.cost); e.Or(7) != step.want {
			t.Errorf("step %d: %v, want %v", i, e.Or(7), step.want)
		}
	}
}

// The cheapest of several ways is found, and found again when the costs change, for little more than it
// costs alone.
func TestRegret(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var estimates [Most]Estimate
	var trials Trials
	spend := func(prices [Most]float64, count int) (spent float64) {
		for range count {
			var cost [Most]float64
			for i := range cost {
				cost[i] = estimates[i].Or(0)
			}
			way := trials.Take(cost[:], cost[:])
			noisy := prices[way] * math.Exp(random.NormFloat64()/5)
			estimates[way].Observe(noisy)
			spent += noisy
		}
		return spent
	}
	for _, prices := range [][Most]float64{{1, 2, 3}, {1, 1.05, 1.1}, {3, 1, 50}, {50, 20, 10}, {1, 1000, 1000}, {1000, 1, 1000}} {
		spend(prices, 20_000)
		const count = 200_000
		best := math.Exp(1.0/50) * count * min(prices[0], prices[1], prices[2])
		if spent := spend(prices, count); spent > 1.07*best {
			t.Errorf("%v: %.3f times the cost of the best", prices, spent/best)
		}
	}
}
