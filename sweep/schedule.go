package sweep

import (
	"iter"
	"math/rand/v2"
	"strings"

	"rrbench/results"
)

// Visit is one start of a cell's functions.
type Visit struct {
	Block int
	Cell  int
	Noise bool
}

// Schedule is the order of all visits: block after block, each a random permutation of the starts of
// the cells that can run. The same plan has the same schedule.
func (p *Plan) Schedule() []Visit {
	var visits []Visit
	for block := range p.Blocks {
		begin := len(visits)
		for i, cell := range p.Cells {
			if cell.Skip != "" || block >= cell.Starts+cell.More {
				continue
			}
			visits = append(visits, Visit{Block: block, Cell: i})
			if cell.Twice && block < cell.Starts {
				visits = append(visits, Visit{Block: block, Cell: i, Noise: true})
			}
		}
		of := visits[begin:]
		random := rand.New(rand.NewPCG(p.Seed, uint64(block)))
		random.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	}
	return visits
}

func (c *PlannedCell) rounds(v Visit) int {
	rounds := c.Reps / c.Starts
	if v.Block < c.Starts && v.Block < c.Reps%c.Starts {
		rounds++
	}
	return rounds
}

func (c *PlannedCell) steps(v Visit) int { return c.firsts() + c.rounds(v) }

// firsts is 1 where the first hand-off of fresh functions has rows of its own, 0 for programs: each run starts a fresh one.
func (c *PlannedCell) firsts() int {
	if c.Kind != "" {
		return 0
	}
	return 1
}

// phases are those of a program's run; a hand-off has one without a name.
func (c *PlannedCell) phases() []string { return strings.Split(c.Phases, ",") }

// handoffs yields what has a row of its own in a step: each target of each source, or each phase of a program's run.
func (c *PlannedCell) handoffs(step int) iter.Seq[handoff] {
	workers, targets := c.Sources(), c.Fanout
	if c.Kind != "" {
		workers, targets = 1, 1 // one row is for all that run at once
	}
	return func(yield func(handoff) bool) {
		for worker := range workers {
			for target := range targets {
				for _, phase := range c.phases() {
					if !yield(handoff{step, worker, target, phase}) {
						return
					}
				}
			}
		}
	}
}

// firstRep numbers a visit's first round among all rounds of a cell, those of its second half last.
func (c *PlannedCell) firstRep(v Visit) int {
	if more := v.Block - c.Starts; more >= 0 {
		return c.halves()*c.Reps + more*c.rounds(v)
	}
	first := v.Block*(c.Reps/c.Starts) + min(v.Block, c.Reps%c.Starts)
	if v.Noise {
		first += c.Reps
	}
	return first
}

// start numbers a visit among the starts of a cell, those of its second half last.
func (c *PlannedCell) start(v Visit) int {
	if v.Noise {
		return c.Starts + v.Block
	}
	if v.Block >= c.Starts {
		return (c.halves()-1)*c.Starts + v.Block
	}
	return v.Block
}

func (c *PlannedCell) halves() int {
	if c.Twice {
		return 2
	}
	return 1
}

func (c *PlannedCell) place(row *results.Trial, v Visit, step int) {
	row.CellIndex, row.Block, row.Noise, row.Start = v.Cell, v.Block, v.Noise, c.start(v)
	row.First, row.Rep = step < c.firsts(), c.firstRep(v)+max(step-c.firsts(), 0)
}

func (c *PlannedCell) placeOf(row *results.Trial) (Visit, int) {
	v := Visit{Block: row.Block, Cell: row.CellIndex, Noise: row.Noise}
	if row.First {
		return v, 0
	}
	return v, row.Rep - c.firstRep(v) + c.firsts()
}

// payloadSeed is the seed from which those of a batch derive; done steps of the visit precede the batch.
func (p *Plan) payloadSeed(v Visit, done int) uint64 {
	half := uint64(0)
	if v.Noise {
		half = 1 << 31
	}
	return rand.NewPCG(p.Seed+uint64(done), uint64(v.Cell)<<32|half|uint64(v.Block)).Uint64()
}
