package sweep

import "math/rand/v2"

// Visit is one start of a cell's functions: warm-up, then a block's share of the rounds.
type Visit struct {
	Block int
	// Cell is an index into Plan.Cells.
	Cell int
}

// Schedule is the order of all visits: block after block, each a random permutation of the
// cells that can run. The same plan has the same schedule.
func (p *Plan) Schedule() []Visit {
	var visits []Visit
	for block := range p.Blocks {
		random := rand.New(rand.NewPCG(p.Seed, uint64(block)))
		for _, cell := range random.Perm(len(p.Cells)) {
			if p.Cells[cell].Skip == "" {
				visits = append(visits, Visit{Block: block, Cell: cell})
			}
		}
	}
	return visits
}

// payloadSeed is what the seeds of a batch derive from; done rounds of the visit precede it.
func (p *Plan) payloadSeed(v Visit, done int) uint64 {
	return rand.NewPCG(p.Seed+uint64(done), uint64(v.Cell)<<32|uint64(v.Block)).Uint64()
}
