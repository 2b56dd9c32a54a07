package tune

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"rrbench/results"
	"rrbench/transport"
)

// curve makes points on the ladder around builtIn whose ratio is 1 at the true crossover and
// falls with the size to the power of slope, disturbed by noise of that standard deviation.
func curve(builtIn int64, crossover, slope, noise float64, random *rand.Rand) []Point {
	var points []Point
	for _, size := range ladder(builtIn) {
		p := Point{Size: size}
		for range visits {
			p.logs = append(p.logs, -slope*math.Log(float64(size)/crossover)+noise*random.NormFloat64())
		}
		points = append(points, p)
	}
	return points
}

func TestDecideFindsTheCrossover(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const builtIn = 256 << 10
	for _, test := range []struct {
		name             string
		crossover, slope float64
		noise            float64
		least, most      int64
		because          string
	}{
		{"lower", 90 << 10, 1, 0.05, 80 << 10, 100 << 10, measured},
		{"lower, noisy", 60 << 10, 1, 0.5, 32 << 10, 110 << 10, measured},
		{"higher", 900 << 10, 1, 0.05, 800 << 10, 1000 << 10, measured},
		{"as built in", 240 << 10, 1, 0.05, builtIn, builtIn, confirmed},
		{"a flat curve", 200 << 10, 0.01, 0.5, builtIn, builtIn, ""},
		{"below the ladder", 1 << 10, 1, 0.05, 32 << 10, 32 << 10, alwaysFast},
		{"above the ladder", 1 << 30, 1, 0.05, transport.Never, transport.Never, neverFaster},
		{"the wrong way round", 60 << 10, -1, 0.05, transport.Never, transport.Never, neverFaster},
	} {
		t.Run(test.name, func(t *testing.T) {
			from, because := decide(curve(builtIn, test.crossover, test.slope, test.noise, random), builtIn)
			if from < test.least || from > test.most {
				t.Errorf("crossover %s (%s)", transport.FormatCrossover(from), because)
			}
			if test.because != "" && because != test.because {
				t.Errorf("because %q", because)
			}
			if from != transport.Never && from%pageSize != 0 {
				t.Errorf("%d bytes are no whole pages", from)
			}
		})
	}
}

// One wrong size does not matter unless it is next to the crossover, nor does one wrong visit.
func TestDecideIsRobust(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const builtIn = 256 << 10
	for i := range ladder(builtIn) {
		points := curve(builtIn, 256<<10, 2, 0.02, random)
		for visit := range points[i].logs {
			points[i].logs[visit] *= -0.5
		}
		if from, because := decide(points, builtIn); (i < 2 || i > 5) && from != builtIn {
			t.Errorf("size %d upside down: %d, %s", points[i].Size, from, because)
		}
		points = curve(builtIn, 90<<10, 1, 0.02, random)
		for _, p := range points {
			p.logs[4] = -p.logs[4]
		}
		if from, because := decide(points, builtIn); because != measured || from > 110<<10 {
			t.Errorf("a visit upside down: %d, %s", from, because)
		}
	}
}

// With nothing but noise the built-in crossover nearly always stays.
func TestDecideKeepsTheBuiltInCrossoverWithinNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	const builtIn, times = 144 << 10, 500
	changed := 0
	for range times {
		if from, _ := decide(curve(builtIn, builtIn, 0, 0.3, random), builtIn); from != builtIn {
			changed++
		}
	}
	// The best of eleven divisions is looked at, so that it is more than a sign test's 2 %.
	if changed > times/5 {
		t.Errorf("changed %d times of %d", changed, times)
	}
}

func TestLadder(t *testing.T) {
	for _, builtIn := range []int64{4096, 36 * 4096, 256 << 10, 1 << 20} {
		sizes := ladder(builtIn)
		if !slices.Contains(sizes, builtIn) || !slices.IsSorted(sizes) || len(slices.Compact(slices.Clone(sizes))) != len(sizes) {
			t.Errorf("%d: %d", builtIn, sizes)
		}
		for _, size := range sizes {
			if size != builtIn && size%pageSize != 0 {
				t.Errorf("%d bytes are no whole pages", size)
			}
		}
	}
}

// The rows of an experiment and an engine become the points of their curve.
func TestCurveIsMadeOfItsRows(t *testing.T) {
	curve := &Curve{
		Transport: "user", Engine: "wazero", Crossover: transport.Crossover{Below: "user/copy", From: "user/remap", Default: 8192},
		Points: []Point{{Size: 4096}, {Size: 8192}},
	}
	var rows []results.Trial
	for block := range visits {
		for _, size := range []int64{4096, 8192} {
			for name, consumed := range map[string]int64{"user/copy": size, "user/remap": 6000} {
				row := results.Trial{Block: block, Status: results.OK, Latency: consumed / 2, Consumed: consumed}
				row.Experiment, row.Engine, row.Transport, row.SizeBytes = "user", "wazero", name, size
				rows = append(rows, row)
				row.Engine, row.Consumed = "wasmtime", 1
				rows = append(rows, row)
			}
		}
	}
	curve.conclude(rows)
	if p := curve.Points[0]; p.Below != 4096 || p.From != 6000 || p.Visits != visits || math.Abs(p.Ratio-6000./4096) > 1e-9 || math.Abs(p.LatencyRatio-p.Ratio) > 1e-9 {
		t.Errorf("%+v", p)
	}
	if curve.Chosen != 8192 || curve.Because != confirmed || curve.Choice(8191) != "user/copy" || curve.Choice(8192) != "user/remap" {
		t.Errorf("from %d, %s", curve.Chosen, curve.Because)
	}

	skipped := results.Trial{Status: results.Skipped, Reason: "no cgo"}
	skipped.Experiment, skipped.Engine = "user", "wasmtime"
	without := &Curve{Transport: "user", Engine: "wasmtime"}
	if without.conclude([]results.Trial{skipped}); without.Skipped != "no cgo" || len(File([]*Curve{without}).Crossovers) != 0 {
		t.Errorf("%+v", without)
	}
}
