// Package resultstest makes up trials and windows for the tests of what reads results. Nothing in it
// was ever measured: the numbers come from a simple model of each transport, so that
// tables and figures have the shape of real ones.
package resultstest

import (
	"math"
	"math/rand/v2"
	"strings"

	"rrbench/results"
)

// Plan is the sweep to make up.
type Plan struct {
	Transports []string
	// Engines run the transports that need WebAssembly; the others say native.
	Engines []string
	// Codecs are those of the transports that serialize; the others say none.
	Codecs        []string
	Placements    []string
	Sizes         []int64
	Fanouts       []int
	Concurrencies []int
	// Fanins are 1 where none are given.
	Fanins []int
	// Rates are 0 for a closed loop.
	Rates []results.Rate
	// Origins are those of the transports that need WebAssembly; the others say nothing.
	Origins []string
	// Rounds are those of all starts.
	Rounds, Starts int
	Seed           uint64
}

// Single is a plan of one size and one target, with every other choice made.
func Single() Plan {
	return Plan{
		Transports:    []string{"limit/memcpy", "user/copy"},
		Engines:       []string{"wazero"},
		Codecs:        []string{"json", "raw"},
		Placements:    []string{"intra"},
		Sizes:         []int64{1 << 20},
		Fanouts:       []int{1},
		Concurrencies: []int{1},
		Rates:         []results.Rate{0},
		Origins:       []string{"buffer"},
		Rounds:        9,
		Starts:        6,
		Seed:          1,
	}
}

// A model says what a transport costs: a fixed time and a time a byte for each phase, in
// nanoseconds, the share of user mode in the CPU time, and payload copies in memory.
type model struct {
	wasm                                              bool
	fixed                                             float64
	serialize, copyOut, transfer, copyIn, deserialize float64
	consume                                           float64
	userShare, copies                                 float64
}

var models = map[string]model{
	"limit/memcpy":     {false, 200, 0, 0, 0, 0.135, 0, 0, 0.97, 2},
	"limit/mremap":     {false, 6e3, 0, 0, 0.0003, 0, 0, 0, 0.02, 1},
	"limit/unix":       {false, 14e3, 0, 0, 0.22, 0, 0, 0, 0.03, 2},
	"limit/tcp":        {false, 21e3, 0, 0, 0.45, 0, 0, 0, 0.02, 2},
	"user/copy":        {true, 450, 0, 0, 0, 0.141, 0, 0.05, 0.96, 2},
	"user/remap":       {true, 9e3, 0, 0, 0.0005, 0, 0, 0.09, 0.05, 1},
	"kernel/stream":    {true, 17e3, 0, 0, 0.25, 0, 0, 0.05, 0.06, 2},
	"kernel/memfd":     {true, 60e3, 0, 0, 0.0003, 0, 0, 0.11, 0.04, 1},
	"kernel/cma":       {true, 40e3, 0, 0, 0.16, 0, 0, 0.05, 0.03, 2},
	"network/splice":   {true, 33e3, 0, 0, 0.49, 0, 0, 0.05, 0.04, 2},
	"network/stream":   {true, 25e3, 0, 0, 0.51, 0, 0, 0.05, 0.04, 2},
	"network/zerocopy": {true, 36e3, 0, 0, 0.56, 0, 0, 0.05, 0.05, 2},
	"http/native":      {false, 110e3, 0, 0, 0.55, 0, 0, 0.05, 0.3, 3},
	"http/container":   {false, 140e3, 0, 0, 0.6, 0, 0, 0.05, 0.35, 3},
	"http/wasi":        {true, 300e3, 0, 0.15, 0.6, 0.15, 0, 0.05, 0.4, 4},
	"auto":             {true, 60e3, 0, 0, 0.0003, 0, 0, 0.11, 0.04, 1},
	"redis/pubsub":     {false, 140e3, 0, 0.3, 0.5, 0.3, 0, 0.05, 0.2, 3},
	"redis":            {true, 130e3, 0, 0.3, 0.4, 0.3, 0, 0.05, 0.2, 3},
}

// codecCost is what each way of a codec costs a byte, in nanoseconds.
var codecCost = map[string]float64{"none": 0, "raw": 0, "json": 2.2, "json-std": 9}

// engineFactor is how much slower than native an engine is; the others are not.
var engineFactor = map[string]float64{"wazero": 1.12, "wasmer": 1.3}

// Trials makes up every trial of a plan: the rounds of each cell, spread evenly over its starts,
// and before those of a start its first hand-offs. Equal plans give equal trials.
func Trials(plan Plan) []results.Trial {
	random := rand.New(rand.NewPCG(plan.Seed, 7))
	var trials []results.Trial
	number, now := 0, int64(1e12)
	for index, point := range points(plan) {
		begun, pace := -1, 1.0
		for round := range plan.Rounds {
			start := round * plan.Starts / plan.Rounds
			kinds := []bool{false}
			if start > begun {
				begun, pace, kinds = start, math.Exp(0.03*random.NormFloat64()), []bool{true, false}
			}
			for _, first := range kinds {
				began := now
				for worker := range point.Sources() {
					t0 := began + int64(worker)*2000
					number++
					for target := range point.Fanout {
						load := pace * float64(target+1) * float64(worker+1)
						if first {
							load *= 4
						}
						trial := one(point, random, load)
						trial.Trial, trial.CellIndex, trial.Rep = number, index, round
						trial.Block, trial.Start, trial.First = start, start, first
						trial.Worker, trial.Target = worker, target
						trial.T0 = t0
						trial.Digest = results.Digest(random.Uint64())
						trial.Seed = uint64(number)
						now = max(now, t0+trial.Consumed)
						trials = append(trials, trial)
					}
				}
				now += 1e6
			}
		}
	}
	return trials
}

// Summarize computes the statistics of trials and of the windows made up for them.
func Summarize(trials []results.Trial) []results.Summary {
	return results.Summarize(trials, Windows(trials), 0)
}

// handoffs is how many one worker makes in a window.
const handoffs = 100

// Windows makes up the window of each start of which there are rounds, whether they are ok or
// not. A rate that a cell cannot reach is not reached, and near it the latencies grow.
func Windows(trials []results.Trial) []results.Window {
	random := rand.New(rand.NewPCG(1, 8))
	type start struct {
		cell, start int
		noise       bool
	}
	seen := make(map[start]bool)
	var windows []results.Window
	for i := range trials {
		t := &trials[i]
		if key := (start{t.CellIndex, t.Start, t.Noise}); t.First || t.Status != results.OK || seen[key] {
			continue
		} else {
			seen[key] = true
		}
		// Two processors share the work of the workers and the targets.
		crowd := max(float64(t.Handoffs())/2, 1)
		capacity := float64(t.Sources()) / (float64(t.Cycle+1) * crowd) * 1e9
		rate, wait := capacity, crowd
		if t.Rate > 0 {
			rate = min(float64(t.Rate), 0.98*capacity)
			wait = crowd / (1 - rate/capacity)
		}
		w := results.Window{CellIndex: t.CellIndex, Block: t.Block, Start: t.Start, Noise: t.Noise, Point: t.Point,
			OK: handoffs * t.Handoffs(), Ns: int64(handoffs * float64(t.Sources()) / rate * 1e9), Latencies: results.NewHistogram()}
		w.Tried, w.Bytes = w.OK, int64(w.OK)*t.SizeBytes
		w.SourceUser, w.SourceKernel = int64(w.OK)*t.CPUUser/2, int64(w.OK)*t.CPUKernel/2
		w.TargetUser, w.TargetKernel = w.SourceUser, w.SourceKernel
		w.FunctionNs, w.RSSPeak, w.PSSPeak = math.Round(float64(t.CPUUser)*0.6), t.RSSPeak, t.PSSPeak
		for range w.OK {
			w.Latencies.Record(int64(float64(t.Latency) * wait * math.Exp(0.2*random.NormFloat64())))
		}
		windows = append(windows, w)
	}
	return windows
}

// times has each of the points with each of the values.
func times[T any](points []results.Point, values []T, set func(*results.Point, T)) (all []results.Point) {
	for _, point := range points {
		for _, value := range values {
			set(&point, value)
			all = append(all, point)
		}
	}
	return all
}

func points(plan Plan) []results.Point {
	var all []results.Point
	fanins := plan.Fanins
	if fanins == nil {
		fanins = []int{1}
	}
	for _, transport := range plan.Transports {
		engines, codecs, origins := []string{"native"}, []string{"none"}, []string{""}
		if models[transport].wasm {
			engines, origins = plan.Engines, plan.Origins
		}
		if strings.HasPrefix(transport, "http/") || strings.HasPrefix(transport, "redis") {
			codecs = plan.Codecs
		}
		some := []results.Point{{Cell: results.Cell{Experiment: "sweep", Transport: transport}}}
		some = times(some, engines, func(p *results.Point, engine string) { p.Engine = engine })
		some = times(some, codecs, func(p *results.Point, codec string) { p.Codec = codec })
		some = times(some, plan.Placements, func(p *results.Point, placement string) { p.Placement = placement })
		some = times(some, plan.Sizes, func(p *results.Point, size int64) { p.SizeBytes = size })
		some = times(some, plan.Fanouts, func(p *results.Point, n int) { p.Fanout = n })
		some = times(some, fanins, func(p *results.Point, n int) { p.Fanin = n })
		some = times(some, plan.Concurrencies, func(p *results.Point, n int) { p.Concurrency = n })
		some = times(some, plan.Rates, func(p *results.Point, rate results.Rate) { p.Rate = rate })
		all = append(all, times(some, origins, func(p *results.Point, origin string) { p.Origin = origin })...)
	}
	return all
}

func one(cell results.Point, random *rand.Rand, load float64) results.Trial {
	m := models[cell.Transport]
	size := float64(cell.SizeBytes)
	if cell.Codec == "raw" {
		m.serialize, m.deserialize = 0, 0
	} else {
		m.serialize, m.deserialize = m.serialize+codecCost[cell.Codec]*0.45, m.deserialize+codecCost[cell.Codec]
	}
	network := 1.0
	if cell.Placement == "inter" {
		network = 2.5
	}
	noise := math.Exp(0.04 * random.NormFloat64())
	if random.IntN(40) == 0 {
		noise *= 1.5
	}
	noise *= max(engineFactor[cell.Engine], 1) * (0.6 + 0.4*load)
	phase := func(perByte float64) int64 { return int64(perByte * size * noise) }
	trial := results.Trial{Point: cell, PayloadBytes: cell.SizeBytes, Payload: "text", Status: results.OK, Clock: "shared",
		Serialize: phase(m.serialize), CopyOut: phase(m.copyOut), CopyIn: phase(m.copyIn), Deserialize: phase(m.deserialize),
		Transfer: int64((m.fixed + m.transfer*size) * network * noise)}
	trial.Latency = trial.Serialize + trial.CopyOut + trial.Transfer + trial.CopyIn + trial.Deserialize
	trial.Consumed = trial.Latency + int64((m.consume+0.02)*size*noise) + 300
	trial.Cycle = trial.Consumed + trial.Consumed/8
	cpu := float64(trial.Consumed) * 1.1
	trial.CPUUser, trial.CPUKernel = int64(cpu*m.userShare), int64(cpu*(1-m.userShare))
	if trial.Serialize > 0 {
		trial.CPUUser += trial.Serialize + trial.Deserialize
	}
	trial.MinorFaults, trial.ContextSwitches = math.Floor(size/4096*random.Float64()), float64(random.IntN(9))
	base := 60.0 * (1 << 20)
	trial.RSSPeak = int64(base*1.4 + size*(m.copies+0.4) + random.Float64()*1e6)
	trial.PSSPeak = int64(base + size*m.copies + random.Float64()*1e6)
	return trial
}
