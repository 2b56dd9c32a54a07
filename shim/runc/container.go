package runc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/containerd/go-runc"
	"golang.org/x/sys/unix"

	"rrbench/shim"
)

// container is a running OCI container whose only process is a shim.
//
// Runc stays in the foreground as its parent, and outlives this process if need be: when
// the shim ends, runc removes the container's control group, its own records and, by a
// hook, the bundle. The shim ends when its control connection closes, which the kernel
// does for a process that dies, however it dies. So everything is gone shortly after.
type container struct {
	id      string
	runtime *runc.Runc
	state   state
	stderr  shim.StderrTail
	// ended is closed when runc has returned; status is what it returned then.
	ended  chan struct{}
	status int
}

// endDeadline is how long a container may take to end by force.
const endDeadline = 5 * time.Second

// start has runc make and run a container, without waiting for it.
func start(spec bundleSpec) (*container, net.Conn, error) {
	me, err := self()
	if err != nil {
		return nil, nil, err
	}
	command, err := findRunc()
	if err != nil {
		return nil, nil, err
	}
	c := &container{id: me.newID(), state: stateOf(os.Geteuid()), ended: make(chan struct{})}
	if err := c.state.make(); err != nil {
		return nil, nil, err
	}
	if !spec.rootless {
		spec.cgroup = cgroupOf(c.id).path
	}
	bundle := c.state.bundle(c.id)
	if err := writeBundle(bundle, spec); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(bundle))
	}
	connection, theirs, err := shim.ControlPair()
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(bundle))
	}
	defer theirs.Close()
	c.runtime = &runc.Runc{
		Command:  command,
		Root:     c.state.runc(),
		Rootless: &spec.rootless,
		// A Ctrl-C at the terminal is for the driver alone: it ends its containers in order.
		Setpgid: true,
	}
	started := make(chan int, 1)
	go func() {
		defer close(c.ended)
		// The container's life is bounded by its control connection, not by a context.
		c.status, _ = c.runtime.Run(context.Background(), c.id, bundle, &runc.CreateOpts{
			IO:           output{&c.stderr},
			ExtraFiles:   []*os.File{theirs},
			NoNewKeyring: true,
			Started:      started,
		})
	}()
	// Runc that cannot be started ends without a word.
	select {
	case <-started:
	case <-c.ended:
	}
	return c, connection, nil
}

// output makes a container's standard output and error the tail of a shim's.
type output struct{ tail *shim.StderrTail }

var _ runc.IO = output{}

func (o output) Set(command *exec.Cmd) {
	command.Stdout, command.Stderr = o.tail, o.tail
	command.WaitDelay = time.Second
}

func (output) Stdin() io.WriteCloser { return nil }
func (output) Stdout() io.ReadCloser { return nil }
func (output) Stderr() io.ReadCloser { return nil }
func (output) Close() error          { return nil }

// wait waits until nothing is left of the container.
func (c *container) wait(name string) shim.ExitReason {
	<-c.ended
	reason := c.stderr.Reason(name, "container "+c.id)
	reason.OK = c.status == 0
	reason.How = fmt.Sprintf("ended with status %d", c.status)
	if c.status == 128+int(unix.SIGKILL) {
		reason.How = shim.KilledOutright
	}
	if !reason.OK {
		reason.Line += remedyFor(reason.Line)
	}
	if err := removeRemains(c.state, c.id); err != nil {
		reason.OK = false
		reason.How += "; " + err.Error()
	}
	return reason
}

func (c *container) pid() (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), endDeadline)
	defer cancel()
	state, err := c.runtime.State(ctx, c.id)
	if err != nil {
		return 0, fmt.Errorf("runc state %s: %w", c.id, err)
	}
	return state.Pid, nil
}

// kill ends the container by force.
func (c *container) kill() {
	ctx, cancel := context.WithTimeout(context.Background(), endDeadline)
	defer cancel()
	// What is left is for wait to remove.
	_ = c.runtime.Delete(ctx, c.id, &runc.DeleteOpts{Force: true})
}

// remedyFor knows runc's commonest reasons.
func remedyFor(line string) string {
	switch {
	case strings.Contains(line, "cgroup") && (strings.Contains(line, "read-only") || strings.Contains(line, "permission denied")):
		return " (mount " + cgroupRoot + " writable, or run outside of a container)"
	case strings.Contains(line, "operation not permitted"):
		return " (run as root, with CAP_SYS_ADMIN)"
	case strings.Contains(line, "no space left on device"):
		return " (free space in /run)"
	}
	return ""
}
