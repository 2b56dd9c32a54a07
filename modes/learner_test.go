package modes

import (
	"math"
	"math/rand/v2"
	"testing"
)

// spend has a learner choose count times, and returns what that cost and how often each way was taken. What costs
// vary by, and single costs of ten times as much, are the machine's. prices are in nanoseconds, that of moving last.
func spend(l *Learner, random *rand.Rand, size, count int, prices []float64) (cost float64, taken []int) {
	taken = make([]int, len(prices))
	for range count {
		noise := math.Exp(random.NormFloat64() / 5)
		if random.IntN(100) == 0 {
			noise *= 10
		}
		way := l.Pick(size, true)
		spent := prices[way] * noise
		cost += spent
		taken[way]++
		if way == l.Moving() {
			l.Sent(int64(spent/3), way, true)
			l.Returned(int64(spent/3), int64(spent/3))
		} else {
			l.Sent(int64(spent), way, false)
		}
	}
	return cost, taken
}

// TestRegret wants the cheapest way to be found from whatever crossover a route starts at, and found again
// when the costs change, for little more than that way alone costs.
func TestRegret(t *testing.T) {
	sizes := []int{64, 4 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 10 << 20, 100 << 20}
	for name, test := range map[string]struct {
		copies int
		// prices of the ways that copy, then of moving, for each size, one list a phase.
		phases [][][]float64
	}{
		"user": {1, [][][]float64{
			{{110, 45e3}, {150, 45e3}, {900, 45e3}, {2600, 48e3}, {27e3, 60e3}, {160e3, 110e3}, {390e3, 210e3}, {5.5e6, 1.5e6}},
			{{110, 150e3}, {150, 150e3}, {900, 150e3}, {2600, 160e3}, {43e3, 200e3}, {170e3, 260e3}, {360e3, 340e3}, {6e6, 2e6}},
		}},
		"kernel": {2, [][][]float64{
			{{500, 11e3, 60e3}, {900, 12e3, 60e3}, {9e3, 22e3, 62e3}, {25e3, 70e3, 64e3}, {60e3, 140e3, 70e3}, {240e3, 600e3, 90e3}, {600e3, 1.6e6, 150e3}, {8e6, 17e6, 1e6}},
			{{2500, 12e3, 160e3}, {6e3, 13e3, 160e3}, {55e3, 25e3, 160e3}, {150e3, 80e3, 160e3}, {340e3, 110e3, 180e3}, {1.2e6, 500e3, 200e3}, {3e6, 1.5e6, 300e3}, {36e6, 22e6, 1.5e6}},
		}},
	} {
		for _, start := range []int64{64 << 10, 2 << 20, 64 << 20} {
			for _, windows := range []bool{true, false} {
				random := rand.New(rand.NewPCG(1, uint64(start)))
				l := NewLearner(LearnerOptions{Crossover: start, Copies: test.copies, Least: 4 << 10, Windows: windows})
				for _, phase := range [][][]float64{test.phases[0], test.phases[1], test.phases[0]} {
					for i, size := range sizes {
						prices := phase[i]
						// Far from where it starts a learner has to save for its first trial, and for what costs
						// many times as much it saves long.
						spend(l, random, size, 5000, prices)
						const count = 20_000
						cost, taken := spend(l, random, size, count, prices)
						least := prices[0]
						for i, p := range prices {
							if i < test.copies || size >= 4<<10 {
								least = min(least, p)
							}
						}
						// The mean of the noise is about 1.1.
						if best := 1.112 * count * least; cost > 1.15*best {
							t.Errorf("%s from %d, windows %v, %d bytes at %v: took %v, for %.2f times the cost of the best way", name, start, windows, size, prices, taken, cost/best)
						}
					}
				}
			}
		}
	}
}

// In the range of doubt all ways are known after a few hand-offs, and what went another way than it was
// to, or stays away, says nothing.
func TestLearnerBegins(t *testing.T) {
	l := NewLearner(LearnerOptions{Crossover: 64 << 10, Copies: 2, Least: 4 << 10, Windows: true})
	random := rand.New(rand.NewPCG(1, 1))
	_, taken := spend(l, random, 64<<10, 9, []float64{10e3, 20e3, 60e3})
	if taken[0] != 3 || taken[1] != 3 || taken[2] != 3 {
		t.Errorf("the first nine went %v", taken)
	}
	l.Pick(64<<10, false)
	before := *l
	l.Sent(1e9, l.Moving(), true)
	l.Returned(1e9, 0)
	l.Pick(64<<10, false)
	l.Sent(1e9, l.way, true)
	l.Sent(1, 0, false)
	if l.moving != before.moving || l.classes[17].copying != before.classes[17].copying {
		t.Error("something was learnt from what says nothing")
	}
}
