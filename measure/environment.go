package measure

import (
	"runtime"
	"runtime/debug"
)

// Environment is the machine and the program as they were at one moment, for a run's
// manifest. What the machine does not tell stays empty.
type Environment struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	OSRelease    string `json:"os_release,omitempty"`
	// KernelRelease and KernelVersion are as uname -r and -v print them.
	KernelRelease string `json:"kernel_release,omitempty"`
	KernelVersion string `json:"kernel_version,omitempty"`
	// CPUAccounting says how the kernel splits CPU time into user and kernel: "tick"
	// (sampled) or "exact".
	CPUAccounting string `json:"cpu_accounting,omitempty"`
	// IRQAccounting says how interrupt time is found: "tick" (sampled) or "exact".
	IRQAccounting string `json:"irq_accounting,omitempty"`
	ClockSource   string `json:"clock_source,omitempty"`

	CPUModel string `json:"cpu_model,omitempty"`
	// CPUs counts the logical processors that this process may use; CPUsOnline and
	// CPUsIsolated are the kernel's lists.
	CPUs         int     `json:"cpus"`
	CPUsOnline   string  `json:"cpus_online,omitempty"`
	CPUsIsolated string  `json:"cpus_isolated,omitempty"`
	CPUCores     int     `json:"cpu_cores,omitempty"`
	CPUMHz       float64 `json:"cpu_mhz,omitempty"`
	Microcode    string  `json:"microcode,omitempty"`
	Governor     string  `json:"governor,omitempty"`
	// Turbo and SMT are "on", "off" or empty when the machine does not tell.
	Turbo string `json:"turbo,omitempty"`
	SMT   string `json:"smt,omitempty"`
	// Mitigations are the kernel's own words for each known CPU weakness: they price every
	// system call.
	Mitigations map[string]string `json:"mitigations,omitempty"`
	// Virtualization names the hypervisor or container as far as it shows itself; it is
	// empty on bare metal.
	Virtualization string `json:"virtualization,omitempty"`

	// CgroupMode is "v1", "hybrid" or "v2".
	CgroupMode           string `json:"cgroup_mode,omitempty"`
	TransparentHugePages string `json:"transparent_hugepages,omitempty"`
	HugePageDefrag       string `json:"transparent_hugepages_defrag,omitempty"`
	// Sysctls are the kernel settings that bear on sockets and mappings, by name.
	Sysctls map[string]string `json:"sysctls,omitempty"`

	MemoryTotal     int64 `json:"memory_total_bytes,omitempty"`
	MemoryAvailable int64 `json:"memory_available_bytes,omitempty"`
	SwapTotal       int64 `json:"swap_total_bytes,omitempty"`
	// LoadAverage is over 1, 5 and 15 minutes.
	LoadAverage [3]float64 `json:"load_average"`

	GoVersion  string `json:"go_version"`
	GOMAXPROCS int    `json:"gomaxprocs"`
	// Commit is the program's revision; Modified says that its sources differed from it.
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
	readMachine(&e)
	return e
}
