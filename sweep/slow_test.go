//go:build slow

package sweep

const slow = true

// reps are rounds enough for two visits of a cell: one that a fault has struck is tried again.
const reps = 5
