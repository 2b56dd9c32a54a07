package results

import "testing"

func TestWilsonStaysAShare(t *testing.T) {
	for n := 1.0; n < 1e6; n *= 1.37 {
		for _, share := range []float64{0, 1} {
			if lo, hi := wilson(share, n); !(0 <= lo && lo <= share && share <= hi && hi <= 1) {
				t.Errorf("%v of %v: [%v, %v]", share, n, lo, hi)
			}
		}
	}
}
