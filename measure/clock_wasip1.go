package measure

//go:wasmimport wasi_snapshot_preview1 clock_time_get
//go:noescape
func clockTimeGet(clock uint32, precision uint64, nanoseconds *uint64) (errno uint32)

// Now reads the host's monotonic clock in nanoseconds, which for guests of rrbench is the
// host's own Now.
func Now() int64 {
	const monotonic = 1
	var now uint64
	if errno := clockTimeGet(monotonic, 1, &now); errno != 0 {
		panic("measure: the host has no monotonic clock")
	}
	return int64(now)
}
