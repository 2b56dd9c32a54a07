package tune

import (
	"math"
	"slices"

	"github.com/montanaflynn/stats"

	"rrbench/transport"
)

// Point is the result for one size.
type Point struct {
	Size int64
	// Below and From are the median times of the two mechanisms until every byte was read, in nanoseconds.
	Below, From float64
	// Ratio is the time of From over that of Below, the median of the visits; Lo and Hi are the extremes.
	Ratio, Lo, Hi float64
	// LatencyRatio is the same ratio for latencies.
	LatencyRatio float64
	Visits       int

	logs []float64
}

const (
	measured    = "measured"
	confirmed   = "built in, and the measurement agrees"
	withinNoise = "built in: another was found, but the difference is within noise"
	neverFaster = "measured: by reference was faster at no size"
	alwaysFast  = "measured: by reference was faster at every size"
)

// decide returns the best crossover in bytes, and the reason for it. The points are in the order of their sizes, of which the
// built-in crossover is one.
func decide(points []Point, builtIn int64) (from int64, because string) {
	logs := make([]float64, len(points))
	for i, p := range points {
		logs[i] = median(p.logs)
	}
	now := slices.IndexFunc(points, func(p Point) bool { return p.Size >= builtIn })
	best := divide(logs, now)
	if best == now {
		return builtIn, confirmed
	}
	if !better(points, now, best) {
		return builtIn, withinNoise
	}
	switch best {
	case 0:
		return points[0].Size, alwaysFast
	case len(points):
		return transport.Never, neverFaster
	}
	return between(points[best-1].Size, points[best].Size, logs[best-1], logs[best]), measured
}

// divide returns the index from which on the sum of the logarithms is least, and among equal ones the closest to now.
func divide(logs []float64, now int) int {
	distance := func(i int) int { return max(i-now, now-i) }
	best, least, sum := len(logs), 0.0, 0.0
	for i := len(logs) - 1; i >= 0; i-- {
		sum += logs[i]
		if sum < least || sum == least && distance(i) < distance(best) {
			best, least = i, sum
		}
	}
	return best
}

// dissent is how many visits may disagree with all others about which division is better: among nine visits, at most one
// disagrees by chance with a probability of 4 % (a sign test).
const dissent = 1

// better reports whether the sizes between the divisions now and best were faster with the other mechanism.
func better(points []Point, now, best int) bool {
	changing, sign := points[min(now, best):max(now, best)], 1.0
	if best > now {
		sign = -1
	}
	against := 0
	for visit := range visits {
		var sum float64
		for _, p := range changing {
			sum += sign * p.logs[visit]
		}
		if sum >= 0 {
			against++
		}
	}
	return against <= dissent
}

// between interpolates the size at which the logarithm of the ratio passes zero, linearly over the logarithm of the size.
func between(lower, upper int64, atLower, atUpper float64) int64 {
	if atLower <= 0 || atUpper >= 0 {
		return upper
	}
	share := atLower / (atLower - atUpper)
	size := float64(lower) * math.Pow(float64(upper)/float64(lower), share)
	return min(wholePages(int64(size)), upper)
}

func median(values []float64) float64 {
	middle, _ := stats.Median(values)
	return middle
}

// pageSize is that of the machines whose crossovers are built in. Hand-offs by reference move whole pages.
const pageSize = 4096

func wholePages(size int64) int64 { return (size + pageSize - 1) / pageSize * pageSize }

// ladder returns sizes around a crossover, and the crossover itself: dense near it, and wide enough to find another one.
func ladder(builtIn int64) (sizes []int64) {
	for _, part := range []float64{1. / 8, 1. / 4, 1. / 2, 3. / 4, 1, 3. / 2, 2, 4, 8} {
		size := int64(float64(builtIn) * part)
		if size != builtIn {
			size = max(wholePages(size), pageSize)
		}
		if len(sizes) == 0 || size > sizes[len(sizes)-1] {
			sizes = append(sizes, size)
		}
	}
	return sizes
}
