package measure

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/procfs"
)

func TestReadEnvironment(t *testing.T) {
	e := ReadEnvironment()
	for name, value := range map[string]string{
		"architecture":   e.Architecture,
		"kernel release": e.KernelRelease,
		"cgroup mode":    e.CgroupMode,
		"go version":     e.GoVersion,
		"cpus online":    e.CPUsOnline,
		"overcommit":     e.Sysctls["vm.overcommit_memory"],
	} {
		if value == "" {
			t.Errorf("no %s", name)
		}
	}
	if e.CPUs < 1 || e.CPUCores < 1 || e.MemoryTotal <= 0 {
		t.Errorf("%d CPUs, %d cores, %d bytes of memory", e.CPUs, e.CPUCores, e.MemoryTotal)
	}

	encoded, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var decoded Environment
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(e, decoded) {
		t.Errorf("JSON changed it\nfrom %+v\nto   %+v", e, decoded)
	}
}

// The limits of a group and of those above it all hold, so the least is what counts.
func TestLimits(t *testing.T) {
	for name, test := range map[string]struct {
		groups []map[string]string
		cpus   float64
		memory int64
	}{
		"none":                {[]map[string]string{{"cpu.max": "max 100000", "memory.max": "max"}, {}}, 0, 0},
		"none of version 1":   {[]map[string]string{{"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000", "memory.limit_in_bytes": "9223372036854771712"}}, 0, 0},
		"version 2":           {[]map[string]string{{"cpu.max": "150000 100000", "memory.max": "1073741824"}}, 1.5, 1 << 30},
		"version 1":           {[]map[string]string{{"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000"}, {"memory.limit_in_bytes": "4096"}}, 0.5, 4096},
		"above another limit": {[]map[string]string{{"cpu.max": "400000 100000", "memory.max": "10"}, {"cpu.max": "200000 100000", "memory.max": "20"}}, 2, 10},
	} {
		var e Environment
		for _, files := range test.groups {
			directory := t.TempDir()
			for file, content := range files {
				if err := os.WriteFile(filepath.Join(directory, file), []byte(content+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			e.limitBy(directory)
		}
		if e.CPUQuota != test.cpus || e.MemoryLimit != test.memory {
			t.Errorf("%s: %v CPUs, %d bytes", name, e.CPUQuota, e.MemoryLimit)
		}
	}
}

func TestRestrictions(t *testing.T) {
	whole := Environment{CPUs: 2, CPUsAllowed: "0-1", CPUsOnline: "0-1", CPUQuota: 2, MemoryTotal: 1 << 30, MemoryLimit: 1 << 30}
	if lines := whole.Restrictions(); len(lines) != 0 {
		t.Errorf("%q", lines)
	}
	part := Environment{CPUs: 1, CPUsAllowed: "1", CPUsOnline: "0-1", CPUQuota: 0.5, MemoryTotal: 1 << 30, MemoryLimit: 1 << 20}
	if lines := part.Restrictions(); len(lines) != 3 {
		t.Errorf("%q", lines)
	}
}

func TestStolenSince(t *testing.T) {
	earlier, later := Environment{CPUSeconds: 100, StealSeconds: 1}, Environment{CPUSeconds: 300, StealSeconds: 21}
	if share := later.StolenSince(&earlier); share != 0.1 {
		t.Errorf("%v", share)
	}
	if share := earlier.StolenSince(&later); share != 0 { // the machine has been started anew
		t.Errorf("%v", share)
	}
}

func TestNoiseSince(t *testing.T) {
	earlier := Environment{CPUSeconds: 100, BusySeconds: 10, OwnSeconds: 5, CPUMHz: 3000}
	quiet := Environment{CPUSeconds: 200, BusySeconds: 90, OwnSeconds: 84, CPUMHz: 2900}
	if lines := quiet.NoiseSince(&earlier); lines != nil {
		t.Errorf("a quiet machine: %q", lines)
	}
	noisy := Environment{CPUSeconds: 200, StealSeconds: 5, BusySeconds: 90, OwnSeconds: 55, CPUMHz: 2000}
	want := []string{
		"the hypervisor took 5.0 % of this machine's CPU time for others while the run lasted (steal)",
		"other processes used 30.0 % of this machine's CPU time while the run lasted",
		"the processor ran at 3000 MHz before the run and at 2000 after it",
	}
	if lines := noisy.NoiseSince(&earlier); !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
	// The machine has been started anew.
	if lines := earlier.NoiseSince(&noisy); lines != nil {
		t.Errorf("%q", lines)
	}
}

func TestGoVariablesAreInTheEnvironment(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "1MiB")
	if got := ReadEnvironment().GoVariables["GOMEMLIMIT"]; got != "1MiB" {
		t.Errorf("GOMEMLIMIT %q", got)
	}
}

func TestAccounting(t *testing.T) {
	for _, test := range []struct{ config, nohzFull, cpu, irq string }{
		{"CONFIG_TICK_CPU_ACCOUNTING=y\n# CONFIG_IRQ_TIME_ACCOUNTING is not set\n", "", "tick", "tick"},
		{"CONFIG_TICK_CPU_ACCOUNTING=y\nCONFIG_IRQ_TIME_ACCOUNTING=y\n", "", "tick", "exact"},
		{"CONFIG_VIRT_CPU_ACCOUNTING_GEN=y\n", "", "tick", "tick"},
		{"CONFIG_VIRT_CPU_ACCOUNTING_GEN=y\n", "(null)", "tick", "tick"},
		{"CONFIG_VIRT_CPU_ACCOUNTING_GEN=y\n", "2-7", "exact", "tick"},
		{"CONFIG_VIRT_CPU_ACCOUNTING_NATIVE=y\n", "", "exact", "exact"},
		{"CONFIG_IRQ_TIME_ACCOUNTING=m\n", "", "tick", "tick"},
	} {
		cpu, irq := accounting(parseKernelConfig(strings.NewReader(test.config)), test.nohzFull)
		if cpu != test.cpu || irq != test.irq {
			t.Errorf("%q with nohz_full %q: cpu %s irq %s, want %s %s", test.config, test.nohzFull, cpu, irq, test.cpu, test.irq)
		}
	}
}

func TestChosen(t *testing.T) {
	for list, want := range map[string]string{
		"always [madvise] never": "madvise",
		"[always] madvise never": "always",
		"performance":            "performance",
		"broken [list":           "broken [list",
		"":                       "",
	} {
		if got := chosen(list); got != want {
			t.Errorf("chosen(%q) = %q, want %q", list, got, want)
		}
	}
}

func TestPhysicalCores(t *testing.T) {
	for _, test := range []struct {
		name       string
		processors []procfs.CPUInfo
		want       int
	}{
		{"two threads a core", []procfs.CPUInfo{{PhysicalID: "0", CoreID: "0"}, {PhysicalID: "0", CoreID: "0"}}, 1},
		{"two sockets", []procfs.CPUInfo{{PhysicalID: "0", CoreID: "0"}, {PhysicalID: "1", CoreID: "0"}}, 2},
		{"untold", []procfs.CPUInfo{{}, {}, {}}, 3},
	} {
		if got := physicalCores(test.processors); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}
