package claims_test

import (
	"math"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"rrbench/results"
	"rrbench/results/claims"
)

func published(t *testing.T, text string) (p claims.Published) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(`"`+text+`"`), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPublishedForms(t *testing.T) {
	for text, want := range map[string][2]float64{
		"-88.7 %":      {0.113, 0.113},
		"+215 %":       {3.15, 3.15},
		"54.6 %":       {0.546, 0.546},
		"59.6 x":       {59.6, 59.6},
		"7.4×":         {7.4, 7.4},
		"-6.9..+2.8 %": {0.931, 1.028},
		"0.45..1.26 x": {0.45, 1.26},
		"<= 0.1 x":     {0, 0.1},
	} {
		if p := published(t, text); math.Abs(p.Lo-want[0]) > 1e-9 || math.Abs(p.Hi-want[1]) > 1e-9 {
			t.Errorf("%s is %v to %v", text, p.Lo, p.Hi)
		}
	}
	for _, text := range []string{"", "faster", "12", "-100 %", "-250 %", "0 x", "1.2..0.8 x", "1..2..3 x", "1.2.3 x", "NaN x"} {
		var p claims.Published
		if err := yaml.Unmarshal([]byte(`"`+text+`"`), &p); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The verdict is that of the interval.
func TestJudge(t *testing.T) {
	none := math.NaN()
	for _, test := range []struct {
		published     string
		value, lo, hi float64
		want          claims.Verdict
	}{
		// A reduction to 0.113, which 0.0753 to 0.1695 reproduce.
		{"-88.7 %", 0.113, 0.1, 0.13, claims.Reproduced},
		{"-88.7 %", 0.16, 0.08, 0.169, claims.Reproduced},
		{"-88.7 %", 0.113, 0.07, 0.13, claims.Undecided},
		{"-88.7 %", 0.113, 0.1, 0.2, claims.Undecided},
		{"-88.7 %", 0.05, 0.04, 0.06, claims.Larger},
		{"-88.7 %", 0.3, 0.2, 0.9, claims.Smaller},
		{"-88.7 %", 0.3, 0.2, 1.1, claims.Undecided},
		{"-88.7 %", 1.3, 1.2, 1.4, claims.Contradicted},
		{"-88.7 %", 0.113, none, none, claims.Undecided},
		{"-88.7 %", none, none, none, claims.NotTested},
		{"-97.9 %", 0, 0, 0, claims.Larger},
		// Its tolerance would reach beyond 1, its direction does not.
		{"-27.4 %", 0.8, 0.7, 0.95, claims.Reproduced},
		{"-27.4 %", 1.02, 0.95, 1.05, claims.Undecided},
		{"-27.4 %", 1.04, 1.01, 1.07, claims.Contradicted},
		// A gain of 59.6.
		{"59.6 x", 60, 50, 70, claims.Reproduced},
		{"59.6 x", 200, 150, 250, claims.Larger},
		{"59.6 x", 10, 8, 12, claims.Smaller},
		{"59.6 x", 10, 0.9, 12, claims.Undecided},
		{"59.6 x", 0.5, 0.4, 0.6, claims.Contradicted},
		// No direction: a share, and a range with 1 in it.
		{"54.6 %", 0.5, 0.4, 0.6, claims.Reproduced},
		{"54.6 %", 0.9, 0.85, 0.95, claims.Larger},
		{"54.6 %", 0.1, 0.05, 0.2, claims.Smaller},
		{"-6.9..+2.8 %", 1, 0.9, 1.2, claims.Reproduced},
		{"-6.9..+2.8 %", 5, 4, 6, claims.Larger},
		{"-6.9..+2.8 %", 0.1, 0.05, 0.2, claims.Smaller},
		{"<= 0.1 x", 0.01, 0.001, 0.02, claims.Reproduced},
		{"<= 0.1 x", 0.5, 0.4, 0.6, claims.Smaller},
		{"<= 0.1 x", 2, 1.5, 3, claims.Contradicted},
	} {
		got, reason := claims.Judge(published(t, test.published), claims.DefaultTolerance, results.Estimate{Value: test.value, Lo: test.lo, Hi: test.hi})
		if got != test.want {
			t.Errorf("%s by %v [%v, %v] is %s, want %s", test.published, test.value, test.lo, test.hi, got, test.want)
		}
		if (reason != "") != (got == claims.Undecided || got == claims.NotTested) {
			t.Errorf("%s by %v: reason %q", test.published, test.value, reason)
		}
	}
}
