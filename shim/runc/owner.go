package runc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/prometheus/procfs"
)

// prefix begins the name of everything that containers leave on a machine.
const prefix = "rrbench-"

// owner is the process that a container belongs to. Process numbers are used again, so the
// start time tells two of them apart; and they mean something in their own process
// namespace only.
type owner struct {
	// pidNamespace is the inode of the owner's process namespace.
	pidNamespace uint64
	pid          int
	// startTime is when the process started, in clock ticks since the machine booted;
	// field 22 of /proc/PID/stat, see proc_pid_stat(5).
	startTime uint64
}

// self is this process as an owner.
func self() (owner, error) {
	pidNamespace, err := ownPIDNamespace()
	if err != nil {
		return owner{}, err
	}
	pid := os.Getpid()
	startTime, err := startTimeOf(pid)
	if err != nil {
		return owner{}, fmt.Errorf("read this process' start time: %w (mount /proc)", err)
	}
	return owner{pidNamespace, pid, startTime}, nil
}

// alive says whether the owner still runs. An owner in another process namespace cannot be
// looked up from here and counts as alive.
func (o owner) alive() bool {
	pidNamespace, err := ownPIDNamespace()
	if err != nil || pidNamespace != o.pidNamespace {
		return true
	}
	startTime, err := startTimeOf(o.pid)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return false
	}
	return err != nil || startTime == o.startTime
}

var count atomic.Int64

// newID names a container, unique on this machine for as long as it is up.
func (o owner) newID() string {
	return fmt.Sprintf("%s%d-%d-%d-%d", prefix, o.pidNamespace, o.pid, o.startTime, count.Add(1))
}

var idPattern = regexp.MustCompile(`^` + prefix + `(\d+)-(\d+)-(\d+)-\d+$`)

// ownerOf reads the owner out of a container's name; ok is false for names that newID
// cannot have made.
func ownerOf(id string) (o owner, ok bool) {
	parts := idPattern.FindStringSubmatch(id)
	if parts == nil {
		return owner{}, false
	}
	var errs [3]error
	o.pidNamespace, errs[0] = strconv.ParseUint(parts[1], 10, 64)
	o.pid, errs[1] = strconv.Atoi(parts[2])
	o.startTime, errs[2] = strconv.ParseUint(parts[3], 10, 64)
	return o, errs == [3]error{} && o.pid > 0
}

// startTimeOf is fs.ErrNotExist or ESRCH when there is no such process, or only what is
// left of one until its parent has heard of its end.
func startTimeOf(pid int) (uint64, error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return 0, err
	}
	stat, err := process.Stat()
	if err != nil {
		return 0, err
	}
	if stat.State == "Z" || stat.State == "X" {
		return 0, syscall.ESRCH
	}
	return stat.Starttime, nil
}

// ownPIDNamespace reads the inode out of "pid:[4026531836]"; see namespaces(7).
func ownPIDNamespace() (uint64, error) {
	link, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return 0, fmt.Errorf("read this process' namespace: %w (mount /proc)", err)
	}
	inode := strings.TrimSuffix(strings.TrimPrefix(link, "pid:["), "]")
	return strconv.ParseUint(inode, 10, 64)
}
