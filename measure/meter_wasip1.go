package measure

// takeUsage asks the host for what its process used since the last call by any guest: user
// time, kernel time, minor faults, context switches.
//
//go:wasmimport rrbench take_usage
//go:noescape
func takeUsage(usage *[4]int64)

// TakeUsage is the host's: a guest shares its process with others and cannot see what that
// uses. A guest has one thread, so it is safe for concurrent use.
func TakeUsage() Usage {
	var used [4]int64
	takeUsage(&used)
	return Usage{UserNs: used[0], KernelNs: used[1], MinorFaults: used[2], ContextSwitches: used[3]}
}
