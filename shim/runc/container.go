package runc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// start has runc make and run a container, without waiting for it.
func start(spec bundleSpec) (*container, net.Conn, error) {
	directory, err := private.NewDirectory(os.TempDir(), prefix)
	if err != nil {
		return nil, nil, fmt.Errorf("make a container's directory: %w", err)
	}
	c := &container{id: filepath.Base(directory.Path), directory: directory}
	connection, err := c.start(spec)
	if err != nil {
		return nil, nil, errors.Join(err, directory.Remove())
	}
	return c, connection, nil
}

func (c *container) start(spec bundleSpec) (net.Conn, error) {
	if !spec.rootless {
		spec.cgroup = "/" + c.id
	}
	if err := writeBundle(c.directory.Path, spec); err != nil {
		return nil, err
	}
	connection, theirs, err := shim.ControlPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	// The container's life is bounded by its control connection, not by a context.
	c.run = runc(context.Background(), c.directory.Path, "run", "--bundle", c.directory.Path, "--no-new-keyring", "--preserve-fds", "1", c.id)
	c.run.ExtraFiles = []*os.File{theirs}
	c.run.Stdout, c.run.Stderr = &c.stderr, &c.stderr
	c.run.WaitDelay = time.Second
	if err := c.run.Start(); err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return connection, nil
}

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

// kill ends runc by force, also while it still makes the container: what that leaves is for
// wait to remove.
func (c *container) kill() { _ = c.run.Process.Kill() }

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
