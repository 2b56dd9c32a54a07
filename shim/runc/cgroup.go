package runc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupRoot is where the hierarchies of cgroups(7) are mounted: one tree, or one
// directory a controller and, on a hybrid host, "unified".
const cgroupRoot = "/sys/fs/cgroup"

// RemoveGroups ends every process of a container, and its control group in every hierarchy.
// The group is below the root, and not below this process' own, so that neither counts for
// the other. It is no error where there is no group.
func RemoveGroups(id string) error {
	var errs []error
	for _, tree := range trees() {
		errs = append(errs, removeGroup(filepath.Join(tree, id)))
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
		// The numbers are read from the group itself right before, so they are its members'.
		members, _ := os.ReadFile(filepath.Join(directory, "cgroup.procs"))
		for _, member := range strings.Fields(string(members)) {
			if pid, err := strconv.Atoi(member); err == nil && pid > 0 {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
	}
}

// trees are the directories below which a container's group can be.
func trees() []string {
	if _, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers")); err == nil {
		return []string{cgroupRoot}
	}
	// Some controllers are links to the directory that they share.
	directories, _ := filepath.Glob(filepath.Join(cgroupRoot, "*"))
	return slices.DeleteFunc(directories, func(directory string) bool {
		info, err := os.Lstat(directory)
		return err != nil || !info.IsDir() || !isTree(directory)
	})
}

func isTree(directory string) bool {
	var mounted unix.Statfs_t
	return unix.Statfs(directory, &mounted) == nil &&
		(mounted.Type == unix.CGROUP_SUPER_MAGIC || mounted.Type == unix.CGROUP2_SUPER_MAGIC)
}

// checkCgroups returns nil where runc finds the control groups that it needs. It makes some for
// containers that are not rootless.
func checkCgroups(rootless bool) error {
	there := trees()
	if len(there) == 0 {
		return unavailable(fmt.Errorf("no control groups are mounted in %s", cgroupRoot), "mount -t cgroup2 cgroup2 "+cgroupRoot)
	}
	for _, tree := range there {
		if err := unix.Access(tree, unix.W_OK); err != nil && !rootless {
			return unavailable(fmt.Errorf("%s cannot be written: %w", tree, err), "mount -o remount,rw "+tree+", or run outside of a container")
		}
	}
	// Of cgroups of version 1, runc insists on this controller alone; version 2 has no such one.
	if devices := filepath.Join(cgroupRoot, "devices"); there[0] != cgroupRoot && !isTree(devices) {
		return unavailable(fmt.Errorf("the controller devices is not mounted in %s", devices),
			fmt.Sprintf("mkdir -p %s && mount -t cgroup -o devices cgroup %[1]s", devices))
	}
	return nil
}
