package measure

// Memory is the most memory that a process has held.
type Memory struct {
	// RSSPeak is the largest resident set in bytes, shared pages included.
	RSSPeak int64 `json:"rss_peak_bytes"`
	// PSSPeak is the largest proportional set in bytes: a page that n processes share
	// counts 1/n, so the sum over processes counts it once. The kernel keeps no peak of
	// it; see SelfMemory.
	PSSPeak int64 `json:"pss_peak_bytes"`
}

// Add returns the sum of two processes' peaks: an upper bound for both together, as they
// need not peak at the same moment.
func (m Memory) Add(n Memory) Memory { return Memory{m.RSSPeak + n.RSSPeak, m.PSSPeak + n.PSSPeak} }
