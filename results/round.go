package results

import "math"

// Round is one repetition of a cell: a hand-off to every target from every concurrent
// source.
type Round struct {
	Point
	Block, Rep int
	// Rows are the round's hand-offs, one a worker and target, all ok. They point into
	// the trials that the round was made of.
	Rows []*Trial
}

// Rounds gathers the rounds in which every hand-off was ok, in the order of the trials. A
// round that lacks rows, because its writer was killed, is not among them.
func Rounds(trials []Trial) []Round {
	type key struct {
		cell, block, rep int
	}
	at := make(map[key]int)
	var rounds []Round
	broken := make(map[key]bool)
	for i := range trials {
		trial := &trials[i]
		k := key{trial.CellIndex, trial.Block, trial.Rep}
		if trial.Status != OK {
			broken[k] = true
			continue
		}
		index, known := at[k]
		if !known {
			index = len(rounds)
			at[k] = index
			rounds = append(rounds, Round{Point: trial.Point, Block: trial.Block, Rep: trial.Rep})
		}
		rounds[index].Rows = append(rounds[index].Rows, trial)
	}
	whole := rounds[:0]
	for _, round := range rounds {
		expected := max(round.Fanout, 1) * max(round.Concurrency, 1)
		if len(round.Rows) >= expected && !broken[key{round.Rows[0].CellIndex, round.Block, round.Rep}] {
			whole = append(whole, round)
		}
	}
	return whole
}

// Makespan is the time from the round's first t0 to its last delivery, in nanoseconds.
func (r *Round) Makespan() int64 {
	first, last := r.Rows[0].T0, r.Rows[0].T0+r.Rows[0].Latency
	for _, row := range r.Rows[1:] {
		first, last = min(first, row.T0), max(last, row.T0+row.Latency)
	}
	return last - first
}

// OpsPerSecond is the round's hand-offs over its makespan, or NaN for a makespan that is
// not positive.
func (r *Round) OpsPerSecond() float64 {
	makespan := r.Makespan()
	if makespan <= 0 {
		return math.NaN()
	}
	return float64(len(r.Rows)) / (float64(makespan) / 1e9)
}

// Latest keeps the last row of each hand-off and target, in the order in which the
// hand-offs first occurred. A run that was killed amid a round repeats the round when it
// is resumed; the repetition counts.
func Latest(trials []Trial) []Trial {
	type key struct{ cell, block, rep, worker, target int }
	at := make(map[key]int, len(trials))
	latest := make([]Trial, 0, len(trials))
	for _, trial := range trials {
		k := key{trial.CellIndex, trial.Block, trial.Rep, trial.Worker, trial.Target}
		if i, again := at[k]; again {
			latest[i] = trial
			continue
		}
		at[k] = len(latest)
		latest = append(latest, trial)
	}
	return latest
}
