package results

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// SetUps are how long functions took to be ready: until a transport's functions were made in
// their shims, their code compiled or read from disk, and connected. It is no part of any
// latency. There is one entry for each transport and engine.
type SetUps []SetUp

// SetUp is that of one transport on one engine.
type SetUp struct {
	Transport string `json:"transport"`
	Engine    string `json:"engine"`
	// Times has one element a start of the functions, in the order in which they happened. Code
	// that was not on disk yet was compiled in the first.
	Times []int64 `json:"times_ns"`
}

// Add adds one start, which took ns nanoseconds.
func (s *SetUps) Add(transport, engine string, ns int64) {
	i := slices.IndexFunc(*s, func(u SetUp) bool { return u.Transport == transport && u.Engine == engine })
	if i < 0 {
		i = len(*s)
		*s = append(*s, SetUp{Transport: transport, Engine: engine})
	}
	(*s)[i].Times = append((*s)[i].Times, ns)
}

// Write prints a line for each engine with the medians, the longest first.
func (s SetUps) Write(w io.Writer) error {
	engines, lines := groups(s, func(u SetUp) string { return u.Engine })
	var out strings.Builder
	if len(engines) > 0 {
		out.WriteString("\nfunctions were ready after (median; in no latency)\n")
	}
	for _, engine := range engines {
		line := lines[engine]
		slices.SortStableFunc(line, func(a, b SetUp) int { return int(b.median() - a.median()) })
		words := make([]string, len(line))
		for i, u := range line {
			words[i] = fmt.Sprintf("%s %s", u.Transport, FormatDuration(u.median()))
		}
		fmt.Fprintf(&out, "  %s: %s\n", engine, strings.Join(words, ", "))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (u *SetUp) median() float64 { return medianOf(u.Times, func(ns int64) int64 { return ns }) }
