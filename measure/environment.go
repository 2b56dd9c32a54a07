package measure

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
)

// Environment is the machine and the program as they were at one moment, for a run's
// manifest. What cannot be read stays empty.
type Environment struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	OSRelease    string `json:"os_release,omitempty"`
	// KernelRelease and KernelVersion are as uname -r and -v print them.
	KernelRelease string `json:"kernel_release,omitempty"`
	KernelVersion string `json:"kernel_version,omitempty"`
	// CPUAccounting is how the kernel splits CPU time into user and kernel: "tick"
	// (sampled) or "exact".
	CPUAccounting string `json:"cpu_accounting,omitempty"`
	// IRQAccounting is how the kernel measures interrupt time: "tick" (sampled) or "exact".
	IRQAccounting string `json:"irq_accounting,omitempty"`
	ClockSource   string `json:"clock_source,omitempty"`

	CPUModel string `json:"cpu_model,omitempty"`
	// CPUs counts the logical processors that this process may use; CPUsOnline and
	// CPUsIsolated are the kernel's lists.
	CPUs         int    `json:"cpus"`
	CPUsOnline   string `json:"cpus_online,omitempty"`
	CPUsIsolated string `json:"cpus_isolated,omitempty"`
	CPUCores     int    `json:"cpu_cores,omitempty"`
	// CPUsAllowed are those of CPUsOnline that this process may use.
	CPUsAllowed string `json:"cpus_allowed,omitempty"`
	// CPUMHz is the first processor's at this moment, CPUMHzMost what it may rise to.
	CPUMHz     float64 `json:"cpu_mhz,omitempty"`
	CPUMHzMost float64 `json:"cpu_mhz_most,omitempty"`
	Microcode  string  `json:"microcode,omitempty"`
	Governor   string  `json:"governor,omitempty"`
	// Turbo and SMT are "on", "off" or empty where that is not known.
	Turbo string `json:"turbo,omitempty"`
	SMT   string `json:"smt,omitempty"`
	// Mitigations are the kernel's own words for each known CPU weakness: they price every
	// system call.
	Mitigations map[string]string `json:"mitigations,omitempty"`
	// Virtualization names the hypervisor or container as far as it shows itself; it is
	// empty on bare metal.
	Virtualization string `json:"virtualization,omitempty"`

	// CPUSeconds is the time of all processors since the machine started; StealSeconds of it
	// went by while the hypervisor let none of its own ones run this machine.
	CPUSeconds   float64 `json:"cpu_seconds,omitempty"`
	StealSeconds float64 `json:"steal_seconds,omitempty"`
	// BusySeconds of them processes used, and OwnSeconds of these this process and its children
	// that have ended.
	BusySeconds float64 `json:"busy_seconds,omitempty"`
	OwnSeconds  float64 `json:"own_seconds,omitempty"`

	// CgroupMode is "v1", "hybrid" or "v2".
	CgroupMode string `json:"cgroup_mode,omitempty"`
	// CPUQuota is how many processors' time control groups allow this process, MemoryLimit how
	// many bytes of memory; 0 is no limit.
	CPUQuota             float64 `json:"cpu_quota,omitempty"`
	MemoryLimit          int64   `json:"memory_limit_bytes,omitempty"`
	TransparentHugePages string  `json:"transparent_hugepages,omitempty"`
	HugePageDefrag       string  `json:"transparent_hugepages_defrag,omitempty"`
	// Sysctls are the kernel settings that bear on sockets and mappings, by name.
	Sysctls map[string]string `json:"sysctls,omitempty"`

	MemoryTotal     int64 `json:"memory_total_bytes,omitempty"`
	MemoryAvailable int64 `json:"memory_available_bytes,omitempty"`
	SwapTotal       int64 `json:"swap_total_bytes,omitempty"`
	// LoadAverage is over 1, 5 and 15 minutes.
	LoadAverage [3]float64 `json:"load_average"`

	// GoVariables are those by which Go's runtime of this process was set up. Shims have their own.
	GoVariables map[string]string `json:"go_variables,omitempty"`
	GoVersion   string            `json:"go_version"`
	GOMAXPROCS  int               `json:"gomaxprocs"`
	// Commit is the program's revision; Modified is set if its sources differed from it.
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"commit_modified,omitempty"`
}

// ReadEnvironment reads the environment now. It never fails: what cannot be read is left
// out.
func ReadEnvironment() Environment {
	e := Environment{
		Architecture: runtime.GOARCH,
		OS:           runtime.GOOS,
		CPUs:         runtime.NumCPU(),
		GoVersion:    runtime.Version(),
		GOMAXPROCS:   runtime.GOMAXPROCS(0),
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			switch setting.Key {
			case "vcs.revision":
				e.Commit = setting.Value
			case "vcs.modified":
				e.Modified = setting.Value == "true"
			}
		}
	}
	for _, name := range GoVariables {
		if value, ok := os.LookupEnv(name); ok {
			if e.GoVariables == nil {
				e.GoVariables = make(map[string]string)
			}
			e.GoVariables[name] = value
		}
	}
	readMachine(&e)
	return e
}

// GoVariables are the environment variables that set up Go's runtime.
var GoVariables = []string{"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT"}

// Restrictions are what keeps this process from having the machine to itself, one line each.
func (e *Environment) Restrictions() (lines []string) {
	if e.CPUQuota > 0 && e.CPUQuota < float64(e.CPUs) {
		lines = append(lines, fmt.Sprintf("control groups allow the time of %.4g CPUs (of %d): what takes more is stopped now and then", e.CPUQuota, e.CPUs))
	}
	if e.CPUsAllowed != e.CPUsOnline && e.CPUsAllowed != "" {
		lines = append(lines, fmt.Sprintf("only CPUs %s of %s may be used", e.CPUsAllowed, e.CPUsOnline))
	}
	if e.MemoryLimit > 0 && e.MemoryLimit < e.MemoryTotal {
		lines = append(lines, fmt.Sprintf("control groups allow %d MiB of memory (of %d)", e.MemoryLimit>>20, e.MemoryTotal>>20))
	}
	return lines
}

// StolenSince is the share of the machine's CPU time that its hypervisor has taken away since an
// earlier moment.
func (e *Environment) StolenSince(earlier *Environment) float64 {
	passed := e.CPUSeconds - earlier.CPUSeconds
	if passed <= 0 {
		return 0
	}
	return (e.StealSeconds - earlier.StealSeconds) / passed
}

// NoiseSince is what has disturbed what was measured since an earlier moment, one line each.
func (e *Environment) NoiseSince(earlier *Environment) (lines []string) {
	passed := e.CPUSeconds - earlier.CPUSeconds
	if passed <= 0 {
		return nil
	}
	if stolen := e.StolenSince(earlier); stolen >= NoticeableSteal {
		lines = append(lines, fmt.Sprintf("the hypervisor took %.1f %% of this machine's CPU time for others while the run lasted (steal)", stolen*100))
	}
	others := (e.BusySeconds - earlier.BusySeconds - (e.OwnSeconds - earlier.OwnSeconds)) / passed
	if others >= noticeableOthers {
		lines = append(lines, fmt.Sprintf("other processes used %.1f %% of this machine's CPU time while the run lasted", others*100))
	}
	if change := e.CPUMHz/earlier.CPUMHz - 1; math.Abs(change) >= noticeableFrequency {
		lines = append(lines, fmt.Sprintf("the processor ran at %.0f MHz before the run and at %.0f after it", earlier.CPUMHz, e.CPUMHz))
	}
	return lines
}

// Shares from which on a disturbance shows in what is measured.
const (
	NoticeableSteal     = 0.01
	noticeableOthers    = 0.03
	noticeableFrequency = 0.1
)
