package results

// Round is one repetition of a cell: a hand-off to every target from every concurrent
// source.
type Round struct {
	Point
	Block, Start, Rep int
	// Noise says that the round serves to know the run's own noise alone.
	Noise bool
	// Rows are the round's hand-offs, one a worker and target, all ok. They point into
	// the trials that the round was made of.
	Rows []*Trial
}

// gather gathers whole rounds in which every hand-off was ok, in the order of the trials, or the first hand-offs of
// fresh functions as if each start's were a round. A round that lacks rows, because its writer was killed, is not among
// them.
func gather(trials []*Trial, first bool) []Round {
	type key struct {
		cell, block, start, rep int
		noise                   bool
		phase                   string
	}
	at := make(map[key]int)
	var rounds []Round
	broken := make(map[int]bool)
	for _, trial := range trials {
		if trial.First != first {
			continue
		}
		k := key{trial.CellIndex, trial.Block, trial.Start, trial.Rep, trial.Noise, trial.Phase}
		index, known := at[k]
		if !known {
			index = len(rounds)
			at[k] = index
			rounds = append(rounds, Round{Point: trial.Point, Block: trial.Block, Start: trial.Start, Rep: trial.Rep, Noise: trial.Noise})
		}
		if trial.Status != OK {
			broken[index] = true
			continue
		}
		rounds[index].Rows = append(rounds[index].Rows, trial)
	}
	whole := rounds[:0]
	for i, round := range rounds {
		if len(round.Rows) >= round.Handoffs() && !broken[i] {
			whole = append(whole, round)
		}
	}
	return whole
}

// Makespan is the time from the round's first t0 to its last consumption, in nanoseconds.
func (r *Round) Makespan() int64 {
	first, last := r.Rows[0].T0, r.Rows[0].T0+r.Rows[0].Consumed
	for _, row := range r.Rows[1:] {
		first, last = min(first, row.T0), max(last, row.T0+row.Consumed)
	}
	return last - first
}

// median is that of a field over the round's hand-offs.
func (r *Round) median(of func(*Trial) int64) float64 {
	values := make([]float64, len(r.Rows))
	for i, row := range r.Rows {
		values[i] = float64(of(row))
	}
	return median(values)
}

// starts are whole rounds by the start of the functions that they were measured in.
type starts [][]Round

// startKey tells the starts of one cell apart.
type startKey struct{ block, start int }

// startsOf divides rounds of one cell.
func startsOf(rounds []Round, noise bool) starts {
	at := make(map[startKey]int)
	var all starts
	for _, round := range rounds {
		if round.Noise != noise {
			continue
		}
		k := startKey{round.Block, round.Start}
		index, known := at[k]
		if !known {
			index = len(all)
			at[k] = index
			all = append(all, nil)
		}
		all[index] = append(all[index], round)
	}
	return all
}

// medians reduces each start to the median of its rounds.
func (s starts) medians(of func(*Round) float64) []float64 {
	medians := make([]float64, len(s))
	for i, rounds := range s {
		values := make([]float64, len(rounds))
		for j := range rounds {
			values[j] = of(&rounds[j])
		}
		medians[i] = median(values)
	}
	return medians
}

// Latest keeps the last row of each hand-off and target, in the order in which the
// hand-offs first occurred. A run that was killed amid a round repeats the round when it
// is resumed; the repetition counts. The trials are moved within their slice.
func Latest(trials []Trial) []Trial {
	type key struct {
		cell, block, start, rep, worker, target int32 // none is read that is larger
		first, noise                            bool
		phase                                   string
	}
	return latest(trials, func(t *Trial) key {
		return key{int32(t.CellIndex), int32(t.Block), int32(t.Start), int32(t.Rep), int32(t.Worker), int32(t.Target), t.First, t.Noise, t.Phase}
	})
}

// LatestWindows keeps the last window of each start.
func LatestWindows(windows []Window) []Window {
	type key struct {
		cell, block, start int
		noise              bool
	}
	return latest(windows, func(w *Window) key { return key{w.CellIndex, w.Block, w.Start, w.Noise} })
}

func latest[Row any, Key comparable](rows []Row, key func(*Row) Key) []Row {
	at := make(map[Key]int, len(rows))
	kept := rows[:0]
	for i := range rows {
		k := key(&rows[i])
		if index, again := at[k]; again {
			kept[index] = rows[i]
			continue
		}
		at[k] = len(kept)
		kept = append(kept, rows[i])
	}
	return kept
}
