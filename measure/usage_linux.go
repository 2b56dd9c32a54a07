package measure

import (
	"fmt"
	"os"
	"sync"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// SelfUsage is what this process has used since it started, all threads together, as
// getrusage(2) RUSAGE_SELF counts it. The sum of user and kernel time comes from the
// scheduler's own nanosecond clock, running threads included.
func SelfUsage() Usage { return usageOf(unix.RUSAGE_SELF) }

// Faults returns how many page faults this process has had since it started: the sum of what getrusage(2) calls minor
// and major, since a fault that waits for a lock of the kernel counts as major even without any input.
func Faults() int64 { return faultsOf(unix.RUSAGE_SELF) }

// ThreadFaults is as Faults, for the calling thread: lock the goroutine to it between two calls that are compared.
func ThreadFaults() int64 { return faultsOf(unix.RUSAGE_THREAD) }

func faultsOf(who int) int64 {
	var r unix.Rusage
	_ = unix.Getrusage(who, &r) // as in usageOf
	return int64(r.Minflt) + int64(r.Majflt)
}

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
	stat, _ := fs.Stat()
	return int64(stat.CPUTotal.SoftIRQ * 1e9)
}

// Tick is how long a tick of the clock is by which kernels distinguish user and kernel mode, in
// nanoseconds, or 0 where it is unknown: that of the coarse clocks (clock_getres(2)).
func Tick() int64 {
	var resolution unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_REALTIME_COARSE, &resolution); err != nil {
		return 0
	}
	return resolution.Nano()
}

// ResetPeaks forgets this process' memory peaks, so that the next SelfMemory reports those
// since now (proc_pid_clear_refs(5), value 5).
func ResetPeaks() error {
	// One write, without O_TRUNC or O_CREAT: the file takes commands, it has no content.
	file, err := os.OpenFile("/proc/self/clear_refs", os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteString("5")
		if closed := file.Close(); err == nil {
			err = closed
		}
	}
	if err != nil {
		return fmt.Errorf("reset memory peaks: %w (needs a kernel with CONFIG_PROC_PAGE_MONITOR)", err)
	}
	return nil
}

// SelfMemory reads this process' memory peaks since it started or since ResetPeaks.
//
// RSSPeak is VmHWM of proc_pid_status(5). PSSPeak is the present PSS plus what the peak
// was above the present RSS: pages that are gone again count as having been this process'
// own. It is exact while the peak still stands, and never too low by more than what
// sharing hides at present. The present values walk the page tables (smaps_rollup), which
// takes milliseconds in a large process: read them outside any measured interval.
func SelfMemory() (Memory, error) {
	return ProcessMemory(os.Getpid())
}

// ProcessMemory reads another process' memory peaks since it started, as SelfMemory does.
// It needs the permission to trace that process (proc_pid_smaps(5)): the same user.
func ProcessMemory(pid int) (Memory, error) {
	var status procfs.ProcStatus
	process, err := procfs.NewProc(pid)
	if err == nil {
		status, err = process.NewStatus()
	}
	if err != nil {
		return Memory{}, fmt.Errorf("read memory peaks of process %d: %w", pid, err)
	}
	rollup, err := process.ProcSMapsRollup()
	if err != nil {
		return Memory{}, fmt.Errorf("read memory of process %d: %w (needs Linux 4.14)", pid, err)
	}
	return peaks(status.VmHWM, rollup.Rss, rollup.Pss), nil
}

// peaks combines the kernel's counts. VmHWM is kept in batches per CPU and may lag the
// exact present RSS by some pages.
func peaks(highWater, rss, pss uint64) Memory {
	highWater = max(highWater, rss)
	return Memory{RSSPeak: int64(highWater), PSSPeak: int64(pss + highWater - rss)}
}

// AvailableMemory is how many bytes can be had without swapping: MemAvailable of
// proc_meminfo(5).
func AvailableMemory() (int64, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, fmt.Errorf("read available memory: %w (mount /proc)", err)
	}
	info, err := fs.Meminfo()
	if err != nil {
		return 0, fmt.Errorf("read available memory from /proc/meminfo: %w", err)
	}
	if info.MemAvailableBytes == nil {
		return 0, fmt.Errorf("read available memory: /proc/meminfo has no MemAvailable (needs Linux 3.14)")
	}
	return int64(*info.MemAvailableBytes), nil
}
