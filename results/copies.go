package results

import (
	"cmp"
	"slices"
	"strings"
)

// Copies is what one hand-off of a cell copies and moves, as rrbench audit counts it: a row of audit.csv. Bytes are
// multiples of the payload, all numbers means over hand-offs.
type Copies struct {
	Transport   string  `csv:"transport"`
	Engine      string  `csv:"engine"`
	Codec       string  `csv:"codec"`
	SizeBytes   int64   `csv:"size_bytes"`
	User        float64 `csv:"copied_in_user_space"`
	Kernel      float64 `csv:"copied_by_kernel"`
	ByReference float64 `csv:"passed_by_reference"`
	Moved       float64 `csv:"moved_as_pages"`
	Calls       float64 `csv:"calls_with_data"`
	Reason      string  `csv:"reason"`
}

// Of reports whether a cell's hand-offs are those that were counted.
func (c *Copies) Of(s *Summary) bool {
	return plainHandoff(s) && c.Transport == s.Transport && c.Engine == engineOf(s) && c.Codec == s.Codec && c.SizeBytes == s.SizeBytes
}

// Auditable has a row, with nothing counted, for each transport, engine and codec of a run on one host, with the largest
// payload that is not longer than a limit in bytes.
func Auditable(summaries []Summary, limit int64) (rows []Copies) {
	cells := slices.DeleteFunc(slices.Clone(summaries), func(s Summary) bool { return !plainHandoff(&s) || s.Status != OK || s.SizeBytes > limit })
	order, alike := groups(cells, func(s Summary) Copies { return Copies{Transport: s.Transport, Engine: engineOf(&s), Codec: s.Codec} })
	for _, row := range order {
		for _, s := range alike[row] {
			row.SizeBytes = max(row.SizeBytes, s.SizeBytes)
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b Copies) int { return cmp.Compare(a.Transport, b.Transport) })
	return rows
}

// plainHandoff reports whether a cell is one source and one target on one host, without a rate.
func plainHandoff(s *Summary) bool {
	return !s.IsProgram() && s.Placement == "intra" && s.Fanout == 1 && s.Fanin <= 1 && s.Concurrency == 1 && s.Rate == 0 && s.SizeMix == "" && s.Route == "" &&
		s.Consume != "write"
}

// engineOf is the engine without what stands in for something real.
func engineOf(s *Summary) string {
	engine, _, _ := strings.Cut(s.Engine, "+")
	return engine
}
