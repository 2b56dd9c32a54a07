package measure

import (
	"fmt"
	"os"

	"github.com/prometheus/procfs"
)

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
	process, err := procfs.NewProc(pid)
	if err != nil {
		return Memory{}, fmt.Errorf("read memory peaks of process %d: %w", pid, err)
	}
	status, err := process.NewStatus()
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
