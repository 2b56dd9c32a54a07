package shim

import (
	"runtime"
	"runtime/debug"

	"rrbench/measure"
	"rrbench/transport"
)

// collector keeps Go's garbage collector away from guests. A running guest cannot be
// preempted by the Go runtime: a collection that begins meanwhile stops every other
// goroutine until the guest returns, which would put the guest's running time into
// another transport's latency. So where functions are WebAssembly, or there are none, the heap
// is collected after each set-up and before a batch, and left alone otherwise: the data
// path allocates nothing. Native functions keep the collector, since it is part of what
// they cost.
type collector struct {
	percent int
	native  bool
	// expected is how much the functions' payloads may take, in bytes.
	expected int64
}

// slack is what a process may allocate beyond its payloads before it collects in spite of
// all, in bytes: a guard against using up the machine, never reached by what allocates
// nothing.
const slack = 1 << 30

func newCollector() *collector {
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return &collector{percent: percent}
}

// allow lets the collector work while a function is set up: compilers allocate a lot.
func (c *collector) allow() { debug.SetGCPercent(c.percent) }

// host notes a function that has been set up.
func (c *collector) host(info transport.Info, setup transport.Setup) {
	c.native = c.native || info.Runs == transport.Native
	c.expected += setup.Size * int64(info.CopiesAtSource+info.CopiesPerTarget)
}

// begin collects what set-up or an earlier batch has left, and forgets the memory peaks
// that go back to it.
func (c *collector) begin() {
	debug.FreeOSMemory()
	if !c.native {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		debug.SetMemoryLimit(int64(stats.Sys-stats.HeapReleased) + c.expected + slack)
		debug.SetGCPercent(-1)
	}
	// Where the kernel cannot forget, the peaks are those since the process began.
	_ = measure.ResetPeaks()
}
