package measure

// Usage is what one process used of the machine in an interval, or up to a moment.
type Usage struct {
	// UserNs and KernelNs are CPU time in nanoseconds. Their sum is exact to the
	// microsecond; on kernels with tick-based accounting the split between them is an
	// estimate that is sound over intervals of 200 ms and more only.
	UserNs, KernelNs int64
	MinorFaults      int64
	ContextSwitches  int64
}

// Add returns the sum of two usages.
func (u Usage) Add(v Usage) Usage {
	return Usage{u.UserNs + v.UserNs, u.KernelNs + v.KernelNs, u.MinorFaults + v.MinorFaults, u.ContextSwitches + v.ContextSwitches}
}

// Sub returns u less v.
func (u Usage) Sub(v Usage) Usage {
	return Usage{u.UserNs - v.UserNs, u.KernelNs - v.KernelNs, u.MinorFaults - v.MinorFaults, u.ContextSwitches - v.ContextSwitches}
}

// CPU is user and kernel time together, in nanoseconds.
func (u Usage) CPU() int64 { return u.UserNs + u.KernelNs }

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

// Link is what lies between two nodes.
type Link struct {
	Here  Interface `json:"here"`
	There Interface `json:"there"`
	// Congestion is the congestion control of TCP connections to the peer, RTTNs the kernel's
	// estimate of the time there and back as the run began.
	Congestion string `json:"congestion_control,omitempty"`
	RTTNs      int64  `json:"rtt_ns,omitempty"`
}

// Interface is a node's end of a link.
type Interface struct {
	Name string `json:"name,omitempty"`
	MTU  int    `json:"mtu,omitempty"`
	// Offloads are what it does in place of the kernel, of tso, gso, gro and the checksums tx and rx.
	Offloads []string `json:"offloads,omitempty"`
	// SpeedMbit is in megabits a second, 0 where it is not known.
	SpeedMbit int `json:"speed_mbit,omitempty"`
}
