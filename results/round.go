package results

import "slices"

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
func gather(trials []*Trial, first bool) (whole []Round) {
	type key struct {
		cell, block, start, rep int
		noise                   bool
		phase                   string
	}
	trials = slices.DeleteFunc(slices.Clone(trials), func(t *Trial) bool { return t.First != first })
	order, rounds := groups(trials, func(t *Trial) key {
		return key{t.CellIndex, t.Block, t.Start, t.Rep, t.Noise, t.Phase}
	})
	for _, k := range order {
		rows := rounds[k]
		broken := slices.ContainsFunc(rows, func(t *Trial) bool { return t.Status != OK })
		if !broken && len(rows) >= rows[0].Handoffs() {
			whole = append(whole, Round{Point: rows[0].Point, Block: k.block, Start: k.start, Rep: k.rep, Noise: k.noise, Rows: rows})
		}
	}
	return whole
}

// groups divides values by a key, in the order in which the keys first occur.
func groups[Key comparable, Value any](values []Value, key func(Value) Key) (order []Key, divided map[Key][]Value) {
	divided = make(map[Key][]Value)
	for _, value := range values {
		k := key(value)
		if _, known := divided[k]; !known {
			order = append(order, k)
		}
		divided[k] = append(divided[k], value)
	}
	return order, divided
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
func startsOf(rounds []Round, noise bool) (all starts) {
	type key struct {
		startKey
		noise bool
	}
	order, divided := groups(rounds, func(r Round) key { return key{startKey{r.Block, r.Start}, r.Noise} })
	for _, k := range order {
		if k.noise == noise {
			all = append(all, divided[k])
		}
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
