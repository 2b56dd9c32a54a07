package measure

import (
	"encoding/json"
	"reflect"
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
