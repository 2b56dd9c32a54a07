package claims

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"rrbench/results"
)

// A quantity is what an expression computes, by size.
type quantity map[int64]value

// A value is of a sample, or a ratio of two.
type value struct {
	sample results.Sample
	results.Estimate
}

func median(of results.Measure, cell cellOf) (quantity, error) {
	if cell.err != nil {
		return nil, cell.err
	}
	q := make(quantity)
	for size, m := range cell.cells {
		if sample := m.Sample(of); len(sample) > 0 {
			q[size] = value{sample, sample.Estimate()}
		}
	}
	if len(q) == 0 {
		return nil, errNotTested(fmt.Sprintf("the run's cells %s have no %s", cell.name, of.Column))
	}
	return q, nil
}

// ratio divides medians, size by size; two cells of one size each may differ in it.
func ratio(a, b quantity) (quantity, error) {
	q := make(quantity)
	for size, v := range a {
		other, both := b[size]
		if len(a) == 1 && len(b) == 1 {
			other, both = b.one(), true
		}
		switch {
		case v.sample == nil || b.one().sample == nil:
			return nil, errors.New("ratio and reduction are of two medians")
		case !both:
			continue
		case other.sample.Zero():
			return nil, fmt.Errorf("division by zero: the divisor is 0 at %s", results.FormatSize(float64(size)))
		}
		q[size] = value{Estimate: v.sample.Over(other.sample)}
	}
	if len(q) == 0 {
		return nil, errNotTested("the run has no size of both cells")
	}
	return q, nil
}

func (q quantity) one() value { return slices.Collect(maps.Values(q))[0] }

// pick keeps the size that is before all others.
func pick(before func(a, b float64) bool) func(quantity) quantity {
	return func(q quantity) quantity {
		sizes := slices.Sorted(maps.Keys(q))
		chosen := sizes[0]
		for _, size := range sizes {
			if before(q[size].Value, q[chosen].Value) {
				chosen = size
			}
		}
		return quantity{chosen: q[chosen]}
	}
}

// final is what an expression has come to: one number.
func final(outcome any) (results.Estimate, error) {
	q, ok := outcome.(quantity)
	switch {
	case !ok:
		return results.Estimate{}, fmt.Errorf("the expression is %v, not a ratio, a reduction or a median", outcome)
	case len(q) > 1:
		return results.Estimate{}, fmt.Errorf("the expression covers %d sizes: choose with min or max", len(q))
	}
	return q.one().Estimate, nil
}
