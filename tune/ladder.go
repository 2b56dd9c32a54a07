package tune

// pageSize is that of the machines whose crossovers are built in, in bytes; crossovers are
// whole pages because it is pages that are handed over.
const pageSize = 4096

// steps are the sizes of a ladder in parts of the built-in crossover: close where that is
// likely to be right, far enough to find out where it is wrong.
var steps = []struct{ numerator, denominator int64 }{
	{1, 8}, {1, 4}, {1, 2}, {3, 4}, {1, 1}, {3, 2}, {2, 1}, {4, 1}, {8, 1},
}

// ladder returns the sizes in bytes that are measured around a built-in crossover, which is
// one of them, in ascending order.
func ladder(builtIn int64) []int64 {
	var sizes []int64
	for _, step := range steps {
		size := builtIn * step.numerator / step.denominator
		if step.numerator != step.denominator {
			size = max(wholePages(size), pageSize)
		}
		if len(sizes) == 0 || size > sizes[len(sizes)-1] {
			sizes = append(sizes, size)
		}
	}
	return sizes
}

// wholePages rounds up.
func wholePages(size int64) int64 { return (size + pageSize - 1) / pageSize * pageSize }
