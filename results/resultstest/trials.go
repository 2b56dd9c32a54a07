// Package resultstest makes up trials for the tests of what reads results. Nothing in it
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
	Rounds        int
	Seed          uint64
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
		Rounds:        9,
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
	"http/wasi":        {true, 300e3, 0, 0.15, 0.6, 0.15, 0, 0.05, 0.4, 4},
	"redis":            {true, 130e3, 0, 0.3, 0.4, 0.3, 0, 0.05, 0.2, 3},
}

// codecCost is what each way of a codec costs a byte, in nanoseconds.
var codecCost = map[string]float64{"none": 0, "raw": 0, "json": 2.2, "json-std": 9}

// engineFactor is how much slower than native an engine is; the others are not.
var engineFactor = map[string]float64{"wazero": 1.12, "wasmer": 1.3}

// Trials makes up every trial of a plan, in the order in which a run would record them.
// Equal plans give equal trials.
func Trials(plan Plan) []results.Trial {
	random := rand.New(rand.NewPCG(plan.Seed, 7))
	var trials []results.Trial
	number, now := 0, int64(1e12)
	for index, cell := range cells(plan) {
		for round := range plan.Rounds {
			start := now
			for worker := range cell.Concurrency {
				t0 := start + int64(worker)*2000
				number++
				for target := range cell.Fanout {
					trial := one(cell, random, float64(target+1)*float64(worker+1))
					trial.Trial, trial.CellIndex, trial.Rep = number, index, round
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
	return trials
}

func cells(plan Plan) []results.Cell {
	var all []results.Cell
	for _, transport := range plan.Transports {
		engines, codecs := []string{"native"}, []string{"none"}
		if models[transport].wasm {
			engines = plan.Engines
		}
		if strings.HasPrefix(transport, "http/") || transport == "redis" {
			codecs = plan.Codecs
		}
		for _, engine := range engines {
			for _, codec := range codecs {
				for _, placement := range plan.Placements {
					for _, size := range plan.Sizes {
						for _, fanout := range plan.Fanouts {
							for _, concurrency := range plan.Concurrencies {
								all = append(all, results.Cell{Experiment: "sweep", Transport: transport, Engine: engine, Codec: codec,
									Placement: placement, SizeBytes: size, Fanout: fanout, Concurrency: concurrency})
							}
						}
					}
				}
			}
		}
	}
	return all
}

func one(cell results.Cell, random *rand.Rand, load float64) results.Trial {
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
	trial := results.Trial{Point: results.Point{Cell: cell}, Payload: "text", Status: results.OK, Clock: "shared",
		Serialize: phase(m.serialize), CopyOut: phase(m.copyOut), CopyIn: phase(m.copyIn), Deserialize: phase(m.deserialize),
		Transfer: int64((m.fixed + m.transfer*size) * network * noise)}
	trial.Latency = trial.Serialize + trial.CopyOut + trial.Transfer + trial.CopyIn + trial.Deserialize
	trial.Consumed = trial.Latency + int64((m.consume+0.02)*size*noise) + 300
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
