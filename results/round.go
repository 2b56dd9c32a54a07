package results

import "slices"

// A round is one repetition of a cell: the hand-offs to every target from every concurrent source, all ok.
type round []*Trial

// A start is the whole rounds of one start of the functions.
type start []round

// gather finds whole rounds in which every hand-off was ok, in the order of the trials, or the first hand-offs of fresh
// functions as if each start's were a round. A round lacks rows when its writer was killed.
func gather(trials []*Trial, first bool) (whole []round) {
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
			whole = append(whole, rows)
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

// makespan is the time from the round's first t0 to its last consumption, in nanoseconds.
func (r round) makespan() float64 {
	first, last := r[0].T0, r[0].T0+r[0].Consumed
	for _, row := range r[1:] {
		first, last = min(first, row.T0), max(last, row.T0+row.Consumed)
	}
	return float64(last - first)
}

func medianOf[Value any](all []Value, of func(Value) int64) float64 { return median(each(all, of)) }

func each[Value any, Number int64 | float64](all []Value, of func(Value) Number) []float64 {
	numbers := make([]float64, len(all))
	for i, value := range all {
		numbers[i] = float64(of(value))
	}
	return numbers
}

func (s start) median(of func(round) float64) float64 { return median(each(s, of)) }

// handoffs is the median of the rounds, each the median over its hand-offs.
func (s start) handoffs(of func(*Trial) int64) float64 {
	return s.median(func(r round) float64 { return medianOf(r, of) })
}

type startKey struct{ block, start int }

func (s start) key() startKey { return startKey{s[0][0].Block, s[0][0].Start} }

func startsOf(rounds []round, noise bool) (all []start) {
	rounds = slices.DeleteFunc(slices.Clone(rounds), func(r round) bool { return r[0].Noise != noise })
	order, divided := groups(rounds, func(r round) startKey { return start{r}.key() })
	for _, k := range order {
		all = append(all, divided[k])
	}
	return all
}

// Latest keeps the last row of each hand-off and target, where that first was: a run that was killed amid a round repeats
// it when it is resumed. The trials are moved within their slice.
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
