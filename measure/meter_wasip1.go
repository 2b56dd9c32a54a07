package measure

// takeUsage asks the host for what its process used since it was last asked, by whichever
// guest: user time, kernel time, minor faults, context switches.
//
//go:wasmimport rrbench take_usage
//go:noescape
func takeUsage(usage *[4]int64)

// Meter is the host's, since a guest shares its process with others and cannot see what
// that uses.
type Meter struct{}

// NewMeter starts metering now.
func NewMeter() *Meter {
	m := &Meter{}
	m.Take()
	return m
}

// Take returns what the host's process used since it was last asked. A guest has one
// thread, so it is safe for concurrent use.
func (*Meter) Take() Usage {
	var used [4]int64
	takeUsage(&used)
	return Usage{UserNs: used[0], KernelNs: used[1], MinorFaults: used[2], ContextSwitches: used[3]}
}
