package container

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/cgroups/v3"

	"rrbench/measure"
)

// Every layout of control groups is read, whichever this machine has.
func TestLayoutsOfControlGroups(t *testing.T) {
	const (
		version1Memory = "cache 1\nrss 2\n"
		oomControl     = "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n"
		cpuStat        = "usage_usec 7\nuser_usec 3\nsystem_usec 4\nnr_periods 0\n"
	)
	version1 := map[string]string{
		"cpuacct/g/cpuacct.usage":            "8000\n",
		"cpuacct/g/cpuacct.stat":             "user 1\nsystem 3\n",
		"memory/g/memory.stat":               version1Memory,
		"memory/g/memory.oom_control":        oomControl,
		"memory/g/memory.usage_in_bytes":     "10\n",
		"memory/g/memory.max_usage_in_bytes": "4096\n",
		"memory/g/memory.failcnt":            "0\n",
		"memory/g/memory.limit_in_bytes":     "9223372036854771712\n",
	}
	for _, test := range []struct {
		name  string
		mode  cgroups.CGMode
		more  map[string]string
		used  measure.Usage
		peaks int64
	}{
		{"version 1", cgroups.Legacy, nil, measure.Usage{UserNs: 2000, KernelNs: 6000}, 4096},
		{"hybrid", cgroups.Hybrid, map[string]string{"unified/g/cpu.stat": cpuStat}, measure.Usage{UserNs: 3000, KernelNs: 4000}, 4096},
		{"hybrid, unified tree not joined", cgroups.Hybrid, nil, measure.Usage{UserNs: 2000, KernelNs: 6000}, 4096},
		{"version 2", cgroups.Unified, map[string]string{
			"g/cpu.stat": cpuStat, "g/memory.stat": "anon 1\nfile 2\n", "g/memory.current": "5\n", "g/memory.peak": "8192\n", "g/memory.max": "max\n",
		}, measure.Usage{UserNs: 3000, KernelNs: 4000}, 8192},
	} {
		t.Run(test.name, func(t *testing.T) {
			real := cgroupRoot
			defer func() { cgroupRoot = real }()
			cgroupRoot = t.TempDir()
			for _, files := range []map[string]string{version1, test.more} {
				for name, content := range files {
					path := filepath.Join(cgroupRoot, name)
					if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			group := cgroup{mode: test.mode, path: "/g"}
			m, err := newMeter(group)
			if err != nil {
				t.Fatal(err)
			}
			defer m.close()
			if m.last != test.used {
				t.Errorf("used %+v, want %+v", m.last, test.used)
			}
			if again, err := m.take(); again != (measure.Usage{}) || err != nil {
				t.Errorf("used %+v since, %v", again, err)
			}
			if peak, err := group.memoryPeak(); peak != test.peaks || err != nil {
				t.Errorf("peak %d, %v; want %d", peak, err, test.peaks)
			}
			gone := cgroup{mode: test.mode, path: "/gone"}
			if _, err := newMeter(gone); err == nil {
				t.Error("a group that is not there is metered")
			}
		})
	}
}
