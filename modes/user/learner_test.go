package user

import (
	"math"
	"math/rand/v2"
	"testing"
)

// price is what copying a payload and moving its window cost, in nanoseconds.
type price struct{ copying, moving float64 }

// spend has a learner choose count times, and returns what that cost and how often it moved. What costs
// vary by, and single costs of ten times as much, are the machine's.
func spend(l *learner, random *rand.Rand, size, count int, p price) (cost float64, moved int) {
	for range count {
		noise := math.Exp(random.NormFloat64() / 5)
		if random.IntN(100) == 0 {
			noise *= 10
		}
		if l.pick(size, true) {
			moved++
			spent := p.moving * noise
			cost += spent
			l.sent(int64(spent/3), true, true)
			l.returned(int64(spent/3), int64(spent/3))
		} else {
			spent := p.copying * noise
			cost += spent
			l.sent(int64(spent), false, false)
		}
	}
	return cost, moved
}

// TestLearns wants the cheaper way to be found from whatever crossover a route starts at, and found again
// when the costs change, for little more than that way alone costs.
func TestLearns(t *testing.T) {
	quiet := map[int]price{64 << 10: {900, 45e3}, 256 << 10: {2600, 48e3}, 1 << 20: {27e3, 60e3}, 4 << 20: {160e3, 110e3}, 10 << 20: {390e3, 210e3}, 100 << 20: {5.5e6, 1.5e6}}
	busy := map[int]price{64 << 10: {900, 150e3}, 256 << 10: {2600, 160e3}, 1 << 20: {43e3, 200e3}, 4 << 20: {170e3, 260e3}, 10 << 20: {360e3, 340e3}, 100 << 20: {6e6, 2e6}}
	for _, start := range []int64{64 << 10, DefaultCrossover, 64 << 20} {
		random := rand.New(rand.NewPCG(1, uint64(start)))
		l := newLearner(start)
		for _, prices := range []map[int]price{quiet, busy, quiet} {
			for _, size := range []int{64 << 10, 256 << 10, 1 << 20, 4 << 20, 10 << 20, 100 << 20} {
				p := prices[size]
				// Far from where it starts a learner has to save for its first trial.
				learning := 300
				if ratio := float64(size) / float64(start); ratio <= 1.0/doubt || ratio >= doubt {
					learning = 5000
				}
				spend(l, random, size, learning, p)
				const count = 5000
				cost, moved := spend(l, random, size, count, p)
				// The mean of the noise is about 1.1.
				if best := 1.112 * count * min(p.copying, p.moving); cost > 1.12*best {
					t.Errorf("from %d, %d bytes at %v: moved %d times of %d, for %.2f times the cost of the better way", start, size, p, moved, count, cost/best)
				}
			}
		}
	}
}

// An outlier says little, and the first hand-offs count by their least.
func TestEstimate(t *testing.T) {
	var e estimate
	for i, step := range []struct{ cost, want float64 }{{500, 500}, {100, 100}, {900, 100}, {100, 100}, {1e9, 150}, {150, 150}, {50, 125}} {
		if e.observe(step.cost); e.cost != step.want {
			t.Errorf("step %d: %v, want %v", i, e.cost, step.want)
		}
	}
}
