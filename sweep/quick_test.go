//go:build !slow

package sweep

const slow = false

// reps are rounds enough for one visit of a cell, in which faults strike.
const reps = 3
