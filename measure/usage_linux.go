package measure

import (
	"sync"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// SelfUsage is what this process has used since it started, all threads together, as
// getrusage(2) RUSAGE_SELF counts it. The sum of user and kernel time comes from the
// scheduler's own nanosecond clock, running threads included.
func SelfUsage() Usage { return usageOf(unix.RUSAGE_SELF) }

// process is this process's one meter.
var process = struct {
	mutex sync.Mutex
	last  Usage
}{last: SelfUsage()}

// TakeUsage returns what this process used since the last call of TakeUsage by any package, or
// since the process started. It is safe for concurrent use. The package's documentation says
// when it is called, and to what each piece belongs.
func TakeUsage() Usage {
	process.mutex.Lock()
	defer process.mutex.Unlock()
	now := SelfUsage()
	taken := now.Sub(process.last)
	process.last = now
	return taken
}

func usageOf(who int) Usage {
	var r unix.Rusage
	// The call cannot fail: it knows both, and r is writable.
	_ = unix.Getrusage(who, &r)
	return Usage{
		UserNs:          r.Utime.Nano(),
		KernelNs:        r.Stime.Nano(),
		MinorFaults:     int64(r.Minflt),
		ContextSwitches: int64(r.Nvcsw) + int64(r.Nivcsw),
	}
}

// SoftIRQ is the time that all CPUs together have spent in software interrupts since
// boot, in nanoseconds: network work done on behalf of no process. Its resolution is
// one USER_HZ tick, 10 ms (proc_stat(5)), so it means something over long windows only.
// It is 0 when /proc/stat cannot be read.
func SoftIRQ() int64 {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0
	}
	stat, err := fs.Stat()
	if err != nil {
		return 0
	}
	return int64(stat.CPUTotal.SoftIRQ * 1e9)
}

// Tick is how long a tick of the clock is by which kernels tell user from kernel mode, in
// nanoseconds, or 0 where it is unknown: that of the coarse clocks (clock_getres(2)).
func Tick() int64 {
	var resolution unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_REALTIME_COARSE, &resolution); err != nil {
		return 0
	}
	return resolution.Nano()
}
