package measure

import (
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// userHZ is the unit of times in /proc, ticks a second, on every architecture that Go
// runs on; see proc(5) and sysconf(3).
const userHZ = 100

// ProcessMeter hands out the usage of another process of this host, a server for example,
// piece by piece, as a Meter does that of this one.
type ProcessMeter struct {
	process procfs.Proc
	clock   int32

	mutex sync.Mutex
	last  Usage
}

// NewProcessMeter starts metering the process of that id now.
func NewProcessMeter(pid int) (*ProcessMeter, error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return nil, fmt.Errorf("meter process %d: %w", pid, err)
	}
	m := &ProcessMeter{process: process, clock: processClock(pid)}
	if _, err := m.Take(); err != nil {
		return nil, err
	}
	return m, nil
}

// Take returns what the process used since the last Take, or since NewProcessMeter, all
// its threads together. CPU time is exact to the nanosecond; how it splits into user and
// kernel is known in ticks of 10 ms only, and no piece is negative. Context switches are
// those of threads that live. It reads some files of /proc, which takes tens of
// microseconds, and is safe for concurrent use.
func (m *ProcessMeter) Take() (Usage, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	total, user, now, err := m.read()
	if err != nil {
		return Usage{}, fmt.Errorf("meter process %d: %w (has it ended?)", m.process.PID, err)
	}
	// The user time's ticks come late or early: what does not fit goes into a later piece.
	piece := total - m.last.CPU()
	now.UserNs = m.last.UserNs + min(max(user-m.last.UserNs, 0), piece)
	now.KernelNs = total - now.UserNs
	taken := now.Sub(m.last)
	taken.ContextSwitches = max(taken.ContextSwitches, 0)
	m.last = now
	return taken, nil
}

func (m *ProcessMeter) read() (total, user int64, counts Usage, err error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(m.clock, &ts); err != nil {
		return 0, 0, Usage{}, fmt.Errorf("read its CPU clock: %w", err)
	}
	stat, err := m.process.Stat()
	if err != nil {
		return 0, 0, Usage{}, err
	}
	threads, err := procfs.AllThreads(m.process.PID)
	if err != nil {
		return 0, 0, Usage{}, err
	}
	counts.MinorFaults = int64(stat.MinFlt)
	for _, thread := range threads {
		// A thread may end between the listing and here.
		if status, err := thread.NewStatus(); err == nil {
			counts.ContextSwitches += int64(status.VoluntaryCtxtSwitches + status.NonVoluntaryCtxtSwitches)
		}
	}
	return ts.Nano(), int64(stat.UTime) * int64(time.Second) / userHZ, counts, nil
}

// processClock is the id of a process' CPU clock, as clock_getcpuclockid(3) makes it: the
// complement of the process id, and the scheduler's clock in the lowest bits.
func processClock(pid int) int32 {
	const scheduler = 2
	return ^int32(pid)<<3 | scheduler
}
