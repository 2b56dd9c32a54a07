package measure

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/cgroups/v3"
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// sysctls are the settings that change what sockets and mappings can do.
var sysctls = []string{
	"kernel.perf_event_paranoid",
	"kernel.yama.ptrace_scope",
	"net.core.rmem_default",
	"net.core.rmem_max",
	"net.core.wmem_default",
	"net.core.wmem_max",
	"net.core.somaxconn",
	"net.core.optmem_max",
	"net.ipv4.tcp_congestion_control",
	"net.ipv4.tcp_mem",
	"net.ipv4.tcp_moderate_rcvbuf",
	"net.ipv4.tcp_rmem",
	"net.ipv4.tcp_slow_start_after_idle",
	"net.ipv4.tcp_wmem",
	"fs.pipe-max-size",
	"vm.max_map_count",
	"vm.overcommit_memory",
	"vm.overcommit_ratio",
	"vm.swappiness",
}

func readMachine(e *Environment) {
	readKernel(e)
	readProcessors(e)
	e.CgroupMode = map[cgroups.CGMode]string{cgroups.Unified: "v2", cgroups.Hybrid: "hybrid", cgroups.Legacy: "v1"}[cgroups.Mode()]
	readLimits(e, "/sys/fs/cgroup")
	e.Sysctls = make(map[string]string)
	for _, name := range sysctls {
		if value := readLine(filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))); value != "" {
			e.Sysctls[name] = strings.Join(strings.Fields(value), " ")
		}
	}
}

func readKernel(e *Environment) {
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		e.KernelRelease = unix.ByteSliceToString(name.Release[:])
		e.KernelVersion = unix.ByteSliceToString(name.Version[:])
	}
	// The distribution's own name; see os-release(5).
	e.OSRelease = strings.Trim(valueIn("/etc/os-release", "PRETTY_NAME="), `"'`)
	if config := kernelConfig(e.KernelRelease); config != nil {
		e.CPUAccounting, e.IRQAccounting = accounting(config, readLine("/sys/devices/system/cpu/nohz_full"))
	}
	e.ClockSource = readLine("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	e.TransparentHugePages = chosen(readLine("/sys/kernel/mm/transparent_hugepage/enabled"))
	e.HugePageDefrag = chosen(readLine("/sys/kernel/mm/transparent_hugepage/defrag"))
}

// readProcessors reads what processors and memory there are, and how busy the machine has been.
func readProcessors(e *Environment) {
	var guest bool
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if processors, err := fs.CPUInfo(); err == nil && len(processors) > 0 {
			first := processors[0]
			e.CPUModel = first.ModelName
			e.CPUMHz = first.CPUMHz
			e.Microcode = first.Microcode
			e.CPUCores = physicalCores(processors)
			guest = slices.Contains(first.Flags, "hypervisor")
		}
		if stat, err := fs.Stat(); err == nil {
			t := stat.CPUTotal
			e.StealSeconds = t.Steal
			e.BusySeconds = t.User + t.Nice + t.System
			e.OwnSeconds = float64(SelfUsage().CPU()+usageOf(unix.RUSAGE_CHILDREN).CPU()) / 1e9
			e.CPUSeconds = t.User + t.Nice + t.System + t.Idle + t.Iowait + t.IRQ + t.SoftIRQ + t.Steal
		}
		if info, err := fs.Meminfo(); err == nil {
			e.MemoryTotal = asInt(info.MemTotalBytes)
			e.MemoryAvailable = asInt(info.MemAvailableBytes)
			e.SwapTotal = asInt(info.SwapTotalBytes)
		}
		if load, err := fs.LoadAvg(); err == nil {
			e.LoadAverage = [3]float64{load.Load1, load.Load5, load.Load15}
		}
	}
	e.Virtualization = virtualization(guest)
	const cpu = "/sys/devices/system/cpu/"
	e.CPUsOnline = readLine(cpu + "online")
	e.CPUsIsolated = readLine(cpu + "isolated")
	e.CPUsAllowed = valueIn("/proc/self/status", "Cpus_allowed_list:")
	e.Governor = readLine(cpu + "cpu0/cpufreq/scaling_governor")
	if kilohertz, err := strconv.ParseFloat(readLine(cpu+"cpu0/cpufreq/scaling_max_freq"), 64); err == nil {
		e.CPUMHzMost = kilohertz / 1000
	}
	e.SMT = onOff[readLine(cpu+"smt/active")]
	// Intel's driver shows whether turbo is forbidden, the others whether boosting is allowed.
	allowed := map[string]string{"0": "on", "1": "off"}[readLine(cpu+"intel_pstate/no_turbo")]
	e.Turbo = cmp.Or(allowed, onOff[readLine(cpu+"cpufreq/boost")])
	weaknesses, _ := filepath.Glob(cpu + "vulnerabilities/*")
	e.Mitigations = make(map[string]string, len(weaknesses))
	for _, path := range weaknesses {
		e.Mitigations[filepath.Base(path)] = readLine(path)
	}
	// Most CPUs lack most weaknesses: those say nothing about this one.
	maps.DeleteFunc(e.Mitigations, func(_, state string) bool { return state == "" || state == "Not affected" })
}

// valueIn is what stands behind a prefix in a file of lines.
func valueIn(path, prefix string) string {
	content, _ := os.ReadFile(path)
	for line := range strings.Lines(string(content)) {
		if value, found := strings.CutPrefix(line, prefix); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Capable reports whether this process has a capability effectively, capabilities(7); it is false where
// that cannot be known.
func Capable(capability uint) bool {
	process, err := procfs.Self()
	if err != nil {
		return false
	}
	status, err := process.NewStatus()
	return err == nil && status.CapEff&(1<<capability) != 0
}

// physicalCores counts distinct (package, core) pairs; machines that do not distinguish
// them (most arm64) count every processor.
func physicalCores(processors []procfs.CPUInfo) int {
	type core struct{ socket, id string }
	cores := make(map[core]struct{})
	for _, p := range processors {
		if p.CoreID == "" {
			return len(processors)
		}
		cores[core{p.PhysicalID, p.CoreID}] = struct{}{}
	}
	return len(cores)
}

// virtualization collects the traces that a hypervisor or a container manager leaves.
func virtualization(hypervisorFlag bool) string {
	var traces []string
	if hypervisorFlag {
		traces = append(traces, "hypervisor")
	}
	const dmi = "/sys/class/dmi/id/"
	for _, path := range []string{"/sys/hypervisor/type", "/proc/device-tree/hypervisor/compatible", dmi + "sys_vendor", dmi + "product_name", "/run/systemd/container"} {
		if value := strings.Trim(readLine(path), "\x00 "); value != "" {
			traces = append(traces, value)
		}
	}
	if _, err := os.Stat("/.dockerenv"); err == nil {
		traces = append(traces, "docker")
	}
	if _, err := os.Stat("/run/.containerenv"); err == nil {
		traces = append(traces, "podman")
	}
	return strings.Join(traces, ", ")
}

// readLimits reads the limits of this process' control groups and of those above them, which
// count as well (cgroups(7)). In a container the mount point may be its own group, whatever that
// is called on its host.
func readLimits(e *Environment, mount string) {
	var groups []procfs.Cgroup
	if self, err := procfs.Self(); err == nil {
		groups, _ = self.Cgroups()
	}
	for _, group := range groups {
		base := mount // of version 2
		if len(group.Controllers) > 0 {
			base = filepath.Join(mount, strings.Join(group.Controllers, ","))
		}
		for path := group.Path; ; path = filepath.Dir(path) {
			e.limitBy(filepath.Join(base, path))
			if path == filepath.Dir(path) {
				break
			}
		}
	}
}

// limitBy applies the limits of a control group, of either version.
func (e *Environment) limitBy(directory string) {
	number := func(text string) float64 {
		n, _ := strconv.ParseFloat(text, 64) // of "max", of -1 and of nothing no limit comes
		return n
	}
	file := func(name string) string { return readLine(filepath.Join(directory, name)) }
	quota, period, _ := strings.Cut(file("cpu.max"), " ")
	if period == "" {
		quota, period = file("cpu.cfs_quota_us"), file("cpu.cfs_period_us")
	}
	if cpus := number(quota) / number(period); cpus > 0 && (e.CPUQuota == 0 || cpus < e.CPUQuota) {
		e.CPUQuota = cpus
	}
	const none = 1 << 62 // about what version 1 has for no limit
	for _, name := range []string{"memory.max", "memory.limit_in_bytes"} {
		if bytes := number(file(name)); bytes > 0 && bytes < none && (e.MemoryLimit == 0 || int64(bytes) < e.MemoryLimit) {
			e.MemoryLimit = int64(bytes)
		}
	}
}

// accounting reads the kernel's build options. With VIRT_CPU_ACCOUNTING_GEN the kernel
// still samples on ticks unless some CPU runs tickless under load (nohz_full).
func accounting(config map[string]bool, nohzFull string) (cpu, irq string) {
	tickless := nohzFull != "" && nohzFull != "(null)"
	cpu, irq = "tick", "tick"
	if config["CONFIG_VIRT_CPU_ACCOUNTING_NATIVE"] || config["CONFIG_VIRT_CPU_ACCOUNTING_GEN"] && tickless {
		cpu = "exact"
	}
	if config["CONFIG_IRQ_TIME_ACCOUNTING"] || config["CONFIG_VIRT_CPU_ACCOUNTING_NATIVE"] {
		irq = "exact"
	}
	return cpu, irq
}

// kernelConfig returns the options that the running kernel was built with, or nil when it
// does not publish them.
func kernelConfig(release string) map[string]bool {
	if file, err := os.Open("/proc/config.gz"); err == nil {
		defer file.Close()
		if plain, err := gzip.NewReader(file); err == nil {
			return parseKernelConfig(plain)
		}
	}
	file, err := os.Open("/boot/config-" + release)
	if err != nil {
		return nil
	}
	defer file.Close()
	return parseKernelConfig(file)
}

// parseKernelConfig keeps the options that are built in.
func parseKernelConfig(r io.Reader) map[string]bool {
	options := make(map[string]bool)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if name, found := strings.CutSuffix(lines.Text(), "=y"); found {
			options[name] = true
		}
	}
	return options
}

// chosen picks the value in brackets out of "always [madvise] never".
func chosen(list string) string {
	_, rest, _ := strings.Cut(list, "[")
	if value, _, found := strings.Cut(rest, "]"); found {
		return value
	}
	return list
}

var onOff = map[string]string{"1": "on", "0": "off"}

// readLine returns the first line of a small file, or nothing.
func readLine(path string) string {
	content, _ := os.ReadFile(path)
	line, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSpace(line)
}

func asInt(n *uint64) int64 {
	if n == nil {
		return 0
	}
	return int64(*n)
}
