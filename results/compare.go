package results

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// Answer is what a comparison comes to.
type Answer string

const (
	// Changed: the ratio differs from 1 by more than the threshold, after Holm's correction.
	Changed Answer = "changed"
	// Same: the whole interval of the ratio lies within the threshold.
	Same Answer = "same"
	// Undecided: neither; more starts may decide it.
	Undecided Answer = "undecided"
)

// Comparison is that of one cell's latency with a reference's.
type Comparison struct {
	Point
	// Base is the reference: its transport, engine and codec, or where it is from.
	Base          string  `csv:"base"`
	BaseStarts    int     `csv:"base_starts"`
	Starts        int     `csv:"starts"`
	BaseMedian    float64 `csv:"base_latency_median_ns"`
	LatencyMedian float64 `csv:"latency_median_ns"`
	Ratio         float64 `csv:"ratio"`
	Lo            float64 `csv:"ratio_lo"`
	Hi            float64 `csv:"ratio_hi"`
	// Holm is the probability of such a difference if the true one is within the threshold, adjusted.
	Holm   float64 `csv:"p_holm"`
	Answer Answer  `csv:"answer"`
}

// Pair is a cell and its reference.
type Pair struct {
	Base, Other *Measured
	Reference   string
}

// PairRuns pairs the cells that two runs have in common; the first is the reference.
func PairRuns(base, other []*Measured, reference string) (pairs []Pair) {
	known := make(map[Point]*Measured)
	for _, m := range base {
		known[m.Point] = m
	}
	for _, m := range other {
		if b := known[m.Point]; b != nil {
			pairs = append(pairs, Pair{b, m, reference})
		}
	}
	return pairs
}

// named finds what has a column's name.
func named[T any](all []T, column string, name func(T) string) (T, error) {
	var known []string
	for _, one := range all {
		if name(one) == column {
			return one, nil
		}
		known = append(known, name(one))
	}
	return *new(T), fmt.Errorf("unknown column %q; known are %s", column, strings.Join(known, ", "))
}

// PairBy pairs the cells of one run that differ in a column alone with those that have the reference
// value there; empty for that of the first cell. Between transports, what one of them does not have is no difference:
// an engine, a codec, an origin, a way of consuming. The error is one of the request.
func PairBy(cells []*Measured, column, base string) (pairs []Pair, err error) {
	field, err := named(pointFields, column, func(f reflect.StructField) string { return f.Tag.Get("csv") })
	if err != nil {
		return nil, err
	}
	// What a cell does not have is no value to compare by.
	lacking := map[string]string{"engine": "native", "codec": "none"}[column]
	var references, others []*Measured
	for _, m := range cells {
		has := fmt.Sprint(reflect.ValueOf(m.Point).FieldByIndex(field.Index))
		if has == lacking && !m.IsProgram() { // of programs, native is a runtime
			continue
		}
		if base = cmp.Or(base, has); has == base {
			references = append(references, m)
		} else {
			others = append(others, m)
		}
	}
	if len(references) == 0 {
		return nil, fmt.Errorf("no cell has %s %q", column, base)
	}
	for _, m := range others {
		// Between transports a buffer and a heap are compared where neither has what the other has.
		found := alike(m, references, field, false)
		if len(found) == 0 && column == "transport" {
			found = alike(m, references, field, true)
		}
		for _, b := range found {
			reference := base
			if column == "transport" {
				reference = strings.Join([]string{b.Transport, b.Engine, b.Codec}, " ")
			}
			pairs = append(pairs, Pair{b, m, reference})
		}
	}
	return pairs, nil
}

// alike are the references that differ from a cell in the column alone, or in its origin too.
func alike(m *Measured, references []*Measured, column reflect.StructField, anyOrigin bool) (found []*Measured) {
	for _, b := range references {
		x, y := m.Point, b.Point
		reflect.ValueOf(&x).Elem().FieldByIndex(column.Index).Set(reflect.ValueOf(y).FieldByIndex(column.Index))
		if column.Name == "Transport" {
			bridge(&x.Engine, &y.Engine, "native")
			bridge(&x.Codec, &y.Codec, "none")
			bridge(&x.Origin, &y.Origin, "")
			bridge(&x.Consume, &y.Consume, "")
			bridge(&x.Route, &y.Route, "")
		}
		if anyOrigin {
			x.Origin = y.Origin
		}
		if x == y {
			found = append(found, b)
		}
	}
	return found
}

// bridge makes two values equal where one of them is that of a transport without any.
func bridge(a, b *string, none string) {
	if *a == none || *b == none {
		*a, *b = "", ""
	}
}

// Compare compares the latencies of pairs, all of them one family. A threshold of 1.1 is a tenth more or less.
func Compare(pairs []Pair, threshold float64) []Comparison {
	latency := measures[0]
	comparisons, probabilities := make([]Comparison, len(pairs)), make([]float64, len(pairs))
	for i, pair := range pairs {
		base, other := pair.Base.Sample(latency), pair.Other.Sample(latency)
		e := other.Over(base)
		comparisons[i] = Comparison{Point: pair.Other.Point, Base: pair.Reference, BaseStarts: len(base), Starts: len(other), Answer: Undecided,
			BaseMedian: base.Estimate().Value, LatencyMedian: other.Estimate().Value, Ratio: e.Value, Lo: e.Lo, Hi: e.Hi}
		probabilities[i] = welchOf(other, base).beyond(math.Log(threshold))
	}
	for i, p := range holm(probabilities) {
		c := &comparisons[i]
		c.Holm = p
		switch {
		case p < 1-confidence:
			c.Answer = Changed
		case c.Lo >= 1/threshold && c.Hi <= threshold:
			c.Answer = Same
		}
	}
	return comparisons
}

// GeometricMean is that of the comparisons' ratios, NaN without any.
func GeometricMean(comparisons []Comparison) float64 {
	var ratios []float64
	for _, c := range comparisons {
		if finite(c.Ratio) && c.Ratio > 0 {
			ratios = append(ratios, c.Ratio)
		}
	}
	mean, _, _ := overStarts(ratios)
	return mean
}

// Largest is the noise of the cell whose halves differ most, and false where none was measured twice.
func Largest(noise []Noise) (Noise, bool) {
	if len(noise) == 0 {
		return Noise{}, false
	}
	return slices.MaxFunc(noise, func(a, b Noise) int { return cmp.Compare(a.Factor(), b.Factor()) }), true
}

// Factor is how far the halves differ, as a factor of at least 1.
func (n Noise) Factor() float64 { return math.Exp(math.Abs(math.Log(n.Ratio))) }
