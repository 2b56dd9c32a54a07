package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/containerd/cgroups/v3"
	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/containerd/cgroups/v3/cgroup2"
	"golang.org/x/sys/unix"
)

// cgroupRoot is where the hierarchies of cgroups(7) are mounted: one tree, or one
// directory a controller and, on a hybrid host, "unified". Only tests change it.
var cgroupRoot = "/sys/fs/cgroup"

// cgroup is a container's control group.
type cgroup struct {
	mode cgroups.CGMode
	path string
}

// cgroupOf is the control group of the container id: below the root, and not below this
// process' own group, so that neither's limits and counts touch the other's.
func cgroupOf(id string) cgroup { return cgroup{mode: cgroups.Mode(), path: "/" + id} }

// memoryPeak is the most memory that the group has held, in bytes: its processes' pages,
// the page cache and the kernel memory charged to it. It is zero where the kernel keeps no
// peak (version 2 before Linux 5.19).
func (c cgroup) memoryPeak() (int64, error) {
	if c.mode == cgroups.Unified {
		group, err := cgroup2.Load(c.path, cgroup2.WithMountpoint(cgroupRoot))
		if err != nil {
			return 0, c.unreadable(err)
		}
		metrics, err := group.StatFiltered(cgroup2.StatMemory)
		if err != nil {
			return 0, c.unreadable(err)
		}
		return int64(metrics.Memory.MaxUsage), nil
	}
	memory := cgroup1.NewMemory(cgroupRoot, cgroup1.IgnoreModules("memsw", "kmem", "kmem.tcp"))
	hierarchy := func() ([]cgroup1.Subsystem, error) { return []cgroup1.Subsystem{memory}, nil }
	group, err := cgroup1.Load(cgroup1.StaticPath(c.path), cgroup1.WithHierarchy(hierarchy))
	if err != nil {
		return 0, c.unreadable(err)
	}
	metrics, err := group.Stat()
	if err != nil {
		return 0, c.unreadable(err)
	}
	return int64(metrics.Memory.Usage.Max), nil
}

func (c cgroup) unreadable(err error) error {
	return fmt.Errorf("read the control group %s: %w (has the container ended?)", c.path, err)
}

// empty says whether no process is left in the group, that is, whether its container has
// ended.
func (c cgroup) empty() bool {
	for _, tree := range trees() {
		members, err := os.ReadFile(filepath.Join(tree, c.path, "cgroup.procs"))
		if err == nil && len(members) > 0 {
			return false
		}
	}
	return true
}

// endsWithin waits for the group to be empty.
func (c cgroup) endsWithin(patience time.Duration) bool {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if c.empty() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// remove ends every process of the group, and the group in every hierarchy. Removing what
// is gone is no error.
func (c cgroup) remove() error {
	var errs []error
	for _, tree := range trees() {
		if err := removeGroup(filepath.Join(tree, c.path)); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// removalPatience is how long killed processes may take to be gone.
const removalPatience = 3 * time.Second

func removeGroup(directory string) error {
	for deadline := time.Now().Add(removalPatience); ; time.Sleep(5 * time.Millisecond) {
		err := unix.Rmdir(directory)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return fmt.Errorf("remove the control group %s: %w", directory, err)
		}
		if err := killMembers(directory); err != nil {
			return err
		}
	}
}

// trees are the directories below which a container's group can be.
func trees() []string {
	if cgroups.Mode() == cgroups.Unified {
		return []string{cgroupRoot}
	}
	// Some controllers are links to the directory that they share.
	directories, _ := filepath.Glob(filepath.Join(cgroupRoot, "*"))
	return slices.DeleteFunc(directories, func(directory string) bool {
		info, err := os.Lstat(directory)
		return err != nil || !info.IsDir()
	})
}

// groups lists the containers that have a control group.
func groups() []string {
	var ids []string
	for _, tree := range trees() {
		found, _ := filepath.Glob(filepath.Join(tree, prefix+"*"))
		for _, directory := range found {
			ids = append(ids, filepath.Base(directory))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// writableCgroups returns nil when containers can be given control groups.
func writableCgroups() error {
	if cgroups.Mode() == cgroups.Unavailable {
		return fmt.Errorf("%s is not mounted", cgroupRoot)
	}
	for _, tree := range trees() {
		if err := unix.Access(tree, unix.W_OK); err != nil {
			return fmt.Errorf("%s cannot be written: %w", tree, err)
		}
	}
	return nil
}

// killMembers kills each process of a group. The numbers are read from the group itself
// right before, so they are its members'.
func killMembers(directory string) error {
	file, err := os.Open(filepath.Join(directory, "cgroup.procs"))
	if err != nil {
		return ignoreMissing(err)
	}
	defer file.Close()
	for {
		var pid int
		if _, err := fmt.Fscan(file, &pid); err != nil {
			return nil
		}
		if pid > 0 {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}
