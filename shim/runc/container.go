package runc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rrbench/child"
	"rrbench/private"
	"rrbench/shim"
)

// container is a running OCI container whose only process is a shim.
//
// Runc stays in the foreground as its parent, and outlives this process if need be: when
// the shim ends, runc removes the container's control group, its own records and, by a
// hook, the directory. The shim ends when its control connection closes, which the kernel
// does for a process that dies, however it dies. So everything is gone shortly after.
type container struct {
	// id is the name of the container, of its directory and of its control group.
	id string
	// directory is the container's bundle, with runc's records.
	directory *private.Directory
	// run is "runc run".
	run    *exec.Cmd
	stderr child.Tail
}

// prefix begins the name of everything that containers leave on a machine.
const prefix = "rrbench-runc-"

// callDeadline is how long a call of runc may take that is about a container.
const callDeadline = 5 * time.Second

// wait waits until nothing is left of the container.
func (c *container) wait(name string) shim.ExitReason {
	err := c.run.Wait()
	reason := shim.NewExitReason(name, "container "+c.id, &c.stderr)
	reason.How, reason.OK = shim.HowEnded(c.run.ProcessState, err), c.run.ProcessState.Success()
	if c.run.ProcessState.ExitCode() == 128+int(unix.SIGKILL) {
		reason.How = shim.KilledOutright
	}
	if !reason.OK {
		reason.Line += remedyFor(reason.Line)
	}
	if err := remove(c.directory); err != nil {
		reason.OK = false
		reason.How += "; " + err.Error()
	}
	return reason
}

func (c *container) pid() (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callDeadline)
	defer cancel()
	var state specs.State
	output, err := runc(ctx, c.directory.Path, "state", c.id).Output()
	if err == nil {
		err = json.Unmarshal(output, &state)
	}
	if err != nil {
		return 0, fmt.Errorf("find the process of container %s: runc state: %w", c.id, err)
	}
	return state.Pid, nil
}

// remedyFor knows runc's commonest reasons.
func remedyFor(line string) string {
	switch {
	case strings.Contains(line, "cgroup") && (strings.Contains(line, "read-only") || strings.Contains(line, "permission denied")):
		return " (mount " + cgroupRoot + " writable, or run outside of a container)"
	case strings.Contains(line, "operation not permitted"):
		return " (run as root, with CAP_SYS_ADMIN)"
	case strings.Contains(line, "no space left on device"):
		return " (free space in " + os.TempDir() + ")"
	}
	return ""
}

// runcPlaces are PATH and where plain users' PATH often does not look.
var runcPlaces = []string{"runc", "/usr/local/sbin/runc", "/usr/sbin/runc", "/sbin/runc"}

func findRunc() (string, error) {
	for _, name := range runcPlaces {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", errors.New("runc is not installed")
}

// records is where, in a container's directory, runc keeps its own records: its option --root.
const records = "records"

// runc calls runc for the container in that directory.
func runc(ctx context.Context, directory string, arguments ...string) *exec.Cmd {
	path, _ := findRunc()
	command := exec.CommandContext(ctx, path, append([]string{"--root", filepath.Join(directory, records)}, arguments...)...)
	// Without the variable by which systemd asks services to report to it: runc would wait for that.
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	// A Ctrl-C at the terminal is for the driver alone: it ends its containers in order.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return command
}

// Leftovers names the containers that runs have left behind which were killed together
// with their runc. Network namespaces, bridges and cables have no names and cannot be left
// behind. Where only the shim or its driver was killed, runc cleans up within a moment.
func Leftovers() []string { return private.AbandonedNames(os.TempDir(), prefix) }

// Clean removes what Leftovers names, and nothing else.
func Clean() error { return private.Clean(os.TempDir(), prefix, remove) }

// remove removes whatever there still is of a container: its processes, control group,
// runc's record and at last the directory, by which the others are found. That nothing is
// there is no error.
func remove(directory *private.Directory) error {
	id := filepath.Base(directory.Path)
	if _, err := os.Stat(filepath.Join(directory.Path, records, id)); err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), callDeadline)
		defer cancel()
		// Runc may be removing it itself at this moment: what counts is what is left.
		_ = runc(ctx, directory.Path, "delete", "--force", id).Run()
	}
	if err := RemoveGroups(id); err != nil {
		return errors.Join(err, directory.Release())
	}
	return directory.Remove()
}

// RemoveBundle removes a container's directory after its end, when the driver is dead that
// would have done so: runc calls this program for it, by a hook. A directory that is no bundle
// stays.
func RemoveBundle(directory string) error {
	if _, err := os.Stat(filepath.Join(directory, configFile)); err != nil {
		return errors.New("this is no bundle of a container")
	}
	return os.RemoveAll(directory)
}
