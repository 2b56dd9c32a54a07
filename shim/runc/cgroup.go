package runc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/containerd/cgroups/v3"
	"golang.org/x/sys/unix"
)

// cgroupRoot is where the hierarchies of cgroups(7) are mounted: one tree, or one
// directory a controller and, on a hybrid host, "unified". Only tests change it.
var cgroupRoot = "/sys/fs/cgroup"

// cgroup is a container's control group.
type cgroup struct{ path string }

// cgroupOf is the control group of the container id: below the root, and not below this
// process' own group, so that neither's limits and counts touch the other's.
func cgroupOf(id string) cgroup { return cgroup{"/" + id} }

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

// removalDeadline is how long killed processes may take to be gone.
const removalDeadline = 3 * time.Second

func removeGroup(directory string) error {
	for deadline := time.Now().Add(removalDeadline); ; time.Sleep(5 * time.Millisecond) {
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
