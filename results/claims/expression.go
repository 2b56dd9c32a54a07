package claims

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"rrbench/results"
)

// A quantity is what an expression computes: by size, a sample a cell, or a ratio of two.
type quantity struct {
	samples map[int64]results.Sample
	ratios  map[int64]results.Estimate
}

func (q quantity) sizes() []int64 {
	return slices.Sorted(func(yield func(int64) bool) {
		for _, sizes := range []func(func(int64) bool){maps.Keys(q.samples), maps.Keys(q.ratios)} {
			for size := range sizes {
				if !yield(size) {
					return
				}
			}
		}
	})
}

func (q quantity) estimate(size int64) results.Estimate {
	if sample, ok := q.samples[size]; ok {
		return sample.Estimate()
	}
	return q.ratios[size]
}

// median is a column of a cell.
func median(of column, cell cellOf) (quantity, error) {
	if cell.err != nil {
		return quantity{}, cell.err
	}
	q := quantity{samples: make(map[int64]results.Sample)}
	for size, m := range cell.cells {
		if sample := m.Sample(of.Measure); len(sample) > 0 {
			q.samples[size] = sample
		}
	}
	if len(q.samples) == 0 {
		return q, errNotTested(fmt.Sprintf("the run's cells %s have no %s", cell.name, of.Column))
	}
	return q, nil
}

// ratio divides medians, size by size; two cells of one size each may differ in it.
func ratio(a, b quantity) (quantity, error) {
	if a.samples == nil || b.samples == nil {
		return quantity{}, errors.New("ratio and reduction are of two medians")
	}
	q := quantity{ratios: make(map[int64]results.Estimate)}
	for size, sample := range a.samples {
		other, both := b.samples[size]
		if len(a.samples) == 1 && len(b.samples) == 1 {
			other, both = b.samples[b.sizes()[0]], true
		}
		if !both {
			continue
		}
		if other.Zero() {
			return q, fmt.Errorf("division by zero: the divisor is 0 at %s", results.FormatSize(float64(size)))
		}
		q.ratios[size] = sample.Over(other)
	}
	if len(q.ratios) == 0 {
		return q, errNotTested("the run has no size of both cells")
	}
	return q, nil
}

func smallest(q quantity) quantity {
	return q.pick(func(a, b results.Estimate) bool { return a.Value < b.Value })
}

func largest(q quantity) quantity {
	return q.pick(func(a, b results.Estimate) bool { return a.Value > b.Value })
}

// pick keeps the size that is before all others.
func (q quantity) pick(before func(a, b results.Estimate) bool) quantity {
	chosen := int64(-1)
	for _, size := range q.sizes() {
		if chosen < 0 || before(q.estimate(size), q.estimate(chosen)) {
			chosen = size
		}
	}
	maps.DeleteFunc(q.samples, func(size int64, _ results.Sample) bool { return size != chosen })
	maps.DeleteFunc(q.ratios, func(size int64, _ results.Estimate) bool { return size != chosen })
	return q
}

// final is what an expression has come to: one number.
func final(outcome any) (results.Estimate, error) {
	q, ok := outcome.(quantity)
	if !ok {
		return results.Estimate{}, fmt.Errorf("the expression is %v, not a ratio, a reduction or a median", outcome)
	}
	sizes := q.sizes()
	if len(sizes) > 1 {
		return results.Estimate{}, fmt.Errorf("the expression covers %d sizes: choose with min or max", len(sizes))
	}
	return q.estimate(sizes[0]), nil
}
