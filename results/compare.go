package results

import (
	"cmp"
	"fmt"
	"math"
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
	// Undecided: neither; more starts would tell.
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
	// Holm is the probability of such a difference if the true one is within the threshold, adjusted for all
	// comparisons of the family.
	Holm   float64 `csv:"p_holm"`
	Answer Answer  `csv:"answer"`
}

// Pair is a cell and its reference.
type Pair struct {
	Base, Other *Measured
	// Reference is what the comparison calls the reference.
	Reference string
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

// columnOf is a column of a cell's row as text; unknown is an error.
func columnOf(p Point, column string) (string, error) {
	var known []string
	for name, value := range Columns(&p) {
		if name == column {
			return fmt.Sprint(value), nil
		}
		known = append(known, name)
	}
	return "", fmt.Errorf("unknown column %q; known are %s", column, strings.Join(known, ", "))
}

// without is a cell without a column, so that those that differ in it alone are equal.
func without(p Point, column string) Point {
	for name, value := range Columns(&p) {
		if name == column {
			value.SetZero()
		}
	}
	return p
}

// PairBy pairs the cells of one run that differ in a column alone with those that have the reference
// value there; empty for that of the first cell. Between transports, what one of them does not have is no difference:
// an engine, a codec, an origin, a way of consuming. The error is one of the request.
func PairBy(cells []*Measured, column, base string) (pairs []Pair, err error) {
	// What a cell does not have is no value to compare by.
	lacking := map[string]string{"engine": "native", "codec": "none"}[column]
	value := func(m *Measured) string {
		text, unknown := columnOf(m.Point, column)
		err = unknown
		return text
	}
	var references, others []*Measured
	for _, m := range cells {
		has := value(m)
		if err != nil {
			return nil, err
		}
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
		found := alike(m, references, column, false)
		if len(found) == 0 && column == "transport" {
			found = alike(m, references, column, true)
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
func alike(m *Measured, references []*Measured, column string, anyOrigin bool) (found []*Measured) {
	for _, b := range references {
		x, y := without(m.Point, column), without(b.Point, column)
		if column == "transport" {
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

// Compare compares the latencies of pairs, all of them one family. A threshold of 1.1 is a tenth more or less. The
// order is that of the pairs.
func Compare(pairs []Pair, threshold float64) []Comparison {
	latency := measures[0]
	comparisons, probabilities := make([]Comparison, len(pairs)), make([]float64, len(pairs))
	for i, pair := range pairs {
		base, other := pair.Base.Sample(latency), pair.Other.Sample(latency)
		c := Comparison{Point: pair.Other.Point, Base: pair.Reference, BaseStarts: len(base), Starts: len(other), Answer: Undecided}
		c.BaseMedian, c.LatencyMedian = base.Estimate().Value, other.Estimate().Value
		e := other.Over(base)
		c.Ratio, c.Lo, c.Hi = e.Value, e.Lo, e.Hi
		probabilities[i] = welchOf(other, base).beyond(math.Log(threshold))
		comparisons[i] = c
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
	return slices.MaxFunc(noise, func(a, b Noise) int {
		return int(math.Copysign(1, math.Abs(math.Log(a.Ratio))-math.Abs(math.Log(b.Ratio))))
	}), true
}

// Factor is how far the halves differ, as a factor of at least 1.
func (n Noise) Factor() float64 { return math.Exp(math.Abs(math.Log(n.Ratio))) }
