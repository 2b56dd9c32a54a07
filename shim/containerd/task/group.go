package task

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/cgroups/v3"
	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/containerd/cgroups/v3/cgroup2"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// cgroupRoot is where the tree of a pure version 2 is mounted.
const cgroupRoot = "/sys/fs/cgroup"

// group is a control group of either version. One of the two is nil.
type group struct {
	path string
	v1   cgroup1.Cgroup
	v2   *cgroup2.Manager
	both
}

// both has the methods of either version.
type both interface {
	Freeze() error
	Thaw() error
	Delete() error
}

func newGroup(path string, resources *specs.LinuxResources) (g group, err error) {
	if strings.Contains(path, ":") {
		return g, fmt.Errorf("the control group %q is systemd's: use the driver cgroupfs (SystemdCgroup = false)", path)
	}
	limits := specs.LinuxResources{}
	if resources != nil {
		limits = *resources
	}
	// A host opens no device.
	limits.Devices = nil
	g.path = filepath.Clean("/" + path)
	if cgroups.Mode() == cgroups.Unified {
		g.v2, err = cgroup2.NewManager(cgroupRoot, g.path, cgroup2.ToResources(&limits))
		g.both = g.v2
	} else {
		g.v1, err = cgroup1.New(cgroup1.StaticPath(g.path), &limits)
		g.both = g.v1
	}
	if err != nil {
		return g, fmt.Errorf("make the control group %s: %w", g.path, err)
	}
	return g, nil
}

func loadGroup(path string) (g group, err error) {
	g.path = filepath.Clean("/" + path)
	if cgroups.Mode() == cgroups.Unified {
		g.v2, err = cgroup2.Load(g.path)
		g.both = g.v2
	} else {
		g.v1, err = cgroup1.Load(cgroup1.StaticPath(g.path))
		g.both = g.v1
	}
	return g, err
}

// starting calls start, which forks, so that the new process is in the group from its first instant, and
// the group counts all of its memory. The calling goroutine must have locked its thread.
func (g group) starting(attributes *syscall.SysProcAttr, start func() error) (err error) {
	if g.v2 != nil {
		directory, err := os.Open(filepath.Join(cgroupRoot, g.path))
		if err != nil {
			return err
		}
		defer directory.Close()
		attributes.UseCgroupFD, attributes.CgroupFD = true, int(directory.Fd())
		return start()
	}
	// Version 1 has groups of threads: this one visits the group while it forks.
	home, err := cgroup1.Load(cgroup1.PidPath(os.Getpid()))
	if err != nil {
		return err
	}
	thread := cgroup1.Process{Pid: unix.Gettid()}
	defer func() { err = errors.Join(err, home.AddTask(thread)) }()
	if err := g.v1.AddTask(thread); err != nil {
		return fmt.Errorf("enter the control group %s: %w", g.path, err)
	}
	return start()
}

func (g group) update(limits *specs.LinuxResources) error {
	if g.v2 != nil {
		return g.v2.Update(cgroup2.ToResources(limits))
	}
	return g.v1.Update(limits)
}

// stats are of the type that containerd's clients expect of the version.
func (g group) stats() (any, error) {
	if g.v2 != nil {
		return g.v2.Stat()
	}
	return g.v1.Stat(cgroup1.IgnoreNotExist)
}

// killed is how many processes of the group the kernel has killed because memory ran out.
func (g group) killed() int {
	file, key := filepath.Join(cgroupRoot, "memory", g.path, "memory.oom_control"), "oom_kill "
	if g.v2 != nil {
		file = filepath.Join(cgroupRoot, g.path, "memory.events")
	}
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if number, ok := strings.CutPrefix(strings.TrimSpace(line), key); ok {
			n, _ := strconv.Atoi(number)
			return n
		}
	}
	return 0
}

// end kills all processes of the group, and removes it.
func (g group) end() {
	if g.v2 != nil {
		_ = g.v2.Kill()
	} else {
		processes, _ := g.v1.Processes(cgroup1.Freezer, true)
		for _, process := range processes {
			_ = unix.Kill(process.Pid, unix.SIGKILL)
		}
		_ = g.v1.Thaw()
	}
	for range 100 {
		if g.Delete() == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
