// Package offset estimates by how much another host's monotonic clock differs from this one's,
// and by how much that estimate can be wrong.
//
// A client asks over UDP for the other clock, again and again. Of an exchange it knows when it
// asked (t1) and when the answer came (t4) by its own clock, and when the question came (t2) and the
// answer left (t3) by the other: the difference is ((t2-t1)+(t3-t4))/2, and wrong by at most half of
// what the way there and back has taken, (t4-t1)-(t3-t2), however that divides (RFC 5905,
// section 8). The exchange with the shortest way counts. Wall clocks take no part.
package offset

import "math"

// Estimate is what one series of exchanges has found, in nanoseconds.
type Estimate struct {
	// At is the moment, by the client's clock.
	At int64
	// Offset is the other clock less the client's, and Bound how far it can be from the truth.
	Offset, Bound int64
}

// Line is an offset that changes at a constant rate.
type Line struct {
	at     int64
	offset float64
	// drift is in nanoseconds a nanosecond.
	drift float64
	// Bound is how far any of its estimates' truth can be from the line.
	Bound int64
}

// Fit lays the line of least squares through estimates, of which there must be at least one.
func Fit(estimates []Estimate) Line {
	// Sums are taken about the first, as the numbers themselves are too large for squares.
	first, n := estimates[0], float64(len(estimates))
	var x, y, xx, xy float64
	for _, e := range estimates {
		at, offset := float64(e.At-first.At), float64(e.Offset-first.Offset)
		x, y, xx, xy = x+at, y+offset, xx+at*at, xy+at*offset
	}
	line := Line{at: first.At}
	if spread := n*xx - x*x; spread > 0 {
		line.drift = (n*xy - x*y) / spread
	}
	line.offset = float64(first.Offset) + (y-line.drift*x)/n
	for _, e := range estimates {
		line.Bound = max(line.Bound, e.Bound+int64(math.Abs(float64(e.Offset-line.Offset(e.At)))))
	}
	return line
}

// Offset is the other clock less the client's at a moment of the client's.
func (l Line) Offset(at int64) int64 {
	return int64(math.Round(l.offset + l.drift*float64(at-l.at)))
}
