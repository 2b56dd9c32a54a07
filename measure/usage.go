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
