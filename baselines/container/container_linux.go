package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/containerd/go-runc"
	"golang.org/x/sys/unix"

	"rrbench/baselines/container/control"
	"rrbench/measure"
)

// container is a running OCI container whose only process is the function program.
//
// Runc stays in the foreground as its parent, and outlives this process if need be: when
// the program ends, runc removes the container's control group, its own records and, by a
// hook, the bundle. The program ends when its control connection closes, which the kernel
// does for a process that dies, however it dies. So everything is gone shortly after.
type container struct {
	id      string
	control *control.Connection
	// group counts the container, where it may have a control group.
	group *cgroup

	runtime *runc.Runc
	state   state
	// lastWords is an unnamed file behind the program's and runc's standard error.
	lastWords *os.File
	// ended is closed when runc has returned; status is what it returned then.
	ended  chan struct{}
	status int
	close  func() error
}

// startPatience is the least that a container has to start and to reach its targets.
const startPatience = 30 * time.Second

// endPatience is how long a container may take to end by itself, and then by force.
const endPatience = 5 * time.Second

// startContainer starts a container and has the conversation's first exchange with it.
// The context bounds the start only.
func startContainer(ctx context.Context, made blueprint, request control.Begin) (*container, control.Begun, error) {
	c, err := launch(&made)
	if err != nil {
		return nil, control.Begun{}, err
	}
	stop := context.AfterFunc(ctx, c.control.Interrupt)
	var begun control.Begun
	if err = c.control.Within(max(patience(request.Setup.Deadline), startPatience)); err == nil {
		begun, err = c.control.Begin(request)
	}
	if !stop() {
		return nil, begun, errors.Join(fmt.Errorf("start a container: %w", context.Cause(ctx)), c.close())
	}
	if err != nil {
		return nil, begun, errors.Join(c.explain("start a container", err), c.close())
	}
	if err := sameRevision(begun.Revision); err != nil {
		return nil, begun, errors.Join(err, c.close())
	}
	return c, begun, nil
}

// cleanOnce removes what killed runs have left, the first time that this process starts a
// container. What cannot be removed is no reason not to measure: rrbench doctor names it.
var cleanOnce = sync.OnceFunc(func() { _ = Clean() })

// launch has runc make and run a container, without waiting for it. It gives the control
// group, if there is to be one, its name.
func launch(made *blueprint) (*container, error) {
	me, err := self()
	if err != nil {
		return nil, err
	}
	cleanOnce()
	id := me.newID()
	state := stateOf(os.Geteuid())
	if err := state.make(); err != nil {
		return nil, err
	}
	command, err := findRunc()
	if err != nil {
		return nil, err
	}
	c := &container{id: id, state: state, ended: make(chan struct{})}
	if !made.rootless {
		group := cgroupOf(id)
		c.group = &group
		made.cgroup = group.path
	}
	bundle := state.bundle(id)
	if err := writeBundle(bundle, *made); err != nil {
		return nil, errors.Join(err, os.RemoveAll(bundle))
	}
	c.runtime = &runc.Runc{
		Command:  command,
		Root:     state.runc(),
		Rootless: &made.rootless,
		// A Ctrl-C at the terminal is for the driver alone: it ends its containers in order.
		Setpgid: true,
	}
	theirs, err := c.connect()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(bundle))
	}
	started := make(chan int, 1)
	go func() {
		defer close(c.ended)
		// The container's life is bounded by its control connection, not by a context.
		c.status, _ = c.runtime.Run(context.Background(), id, bundle, &runc.CreateOpts{
			IO:           lastWords{c.lastWords},
			ExtraFiles:   []*os.File{theirs},
			NoNewKeyring: true,
			Started:      started,
		})
	}()
	<-started
	_ = theirs.Close()
	c.close = sync.OnceValue(c.end)
	return c, nil
}

// connect makes the control connection and the file for last words, and returns the
// container's end of the former.
func (c *container) connect() (theirs *os.File, err error) {
	words, err := unix.MemfdCreate("last words", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file for error messages: memfd_create: %w", err)
	}
	c.lastWords = os.NewFile(uintptr(words), "last words")
	if c.control, theirs, err = control.Pair(); err != nil {
		_ = c.lastWords.Close()
		return nil, err
	}
	return theirs, nil
}

// end ends the container and waits until nothing of it is left.
func (c *container) end() error {
	defer c.lastWords.Close()
	_ = c.control.Close()
	var errs []error
	if !c.waitFor(endPatience) {
		ctx, cancel := context.WithTimeout(context.Background(), endPatience)
		defer cancel()
		if err := c.runtime.Delete(ctx, c.id, &runc.DeleteOpts{Force: true}); err != nil {
			errs = append(errs, fmt.Errorf("delete container %s: %w", c.id, err))
		}
		if !c.waitFor(endPatience) {
			errs = append(errs, fmt.Errorf("container %s does not end: runc delete --force %s", c.id, c.id))
		}
	}
	errs = append(errs, removeRemains(c.state, c.id))
	c.state.removeEmpty()
	return errors.Join(errs...)
}

func (c *container) waitFor(patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.ended:
		return true
	case <-timer.C:
		return false
	}
}

// explain completes an error with what became of the container. An error that the function
// told itself needs nothing.
func (c *container) explain(step string, err error) error {
	var told *control.FunctionError
	if errors.As(err, &told) {
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%s: the function in container %s does not answer: %w", step, c.id, err)
	}
	// The connection ends a moment before runc does.
	if !c.waitFor(time.Second) {
		return fmt.Errorf("%s: container %s: %w", step, c.id, err)
	}
	how := fmt.Sprintf("container %s ended with status %d", c.id, c.status)
	if c.status == 128+int(unix.SIGKILL) {
		how = fmt.Sprintf("container %s was killed by SIGKILL, out of memory?", c.id)
	}
	if words := c.said(); words != "" {
		how += ": " + words + remedyFor(words)
	}
	return fmt.Errorf("%s: %s", step, how)
}

// longestWords bounds what is kept of an error message, in bytes.
const longestWords = 1 << 10

// said returns the line of standard error that says most: the first of a panic, runc's
// last otherwise.
func (c *container) said() string {
	text := make([]byte, 64<<10)
	n, _ := c.lastWords.ReadAt(text, 0)
	lines := strings.Split(strings.TrimSpace(string(text[:n])), "\n")
	chosen := lines[len(lines)-1]
	for _, line := range lines {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			chosen = line
			break
		}
	}
	return strings.ToValidUTF8(chosen[:min(len(chosen), longestWords)], "")
}

// remedyFor knows runc's commonest reasons.
func remedyFor(words string) string {
	switch {
	case strings.Contains(words, "cgroup") && (strings.Contains(words, "read-only") || strings.Contains(words, "permission denied")):
		return " (mount " + cgroupRoot + " writable, or run outside of a container)"
	case strings.Contains(words, "operation not permitted"):
		return " (run as root, with CAP_SYS_ADMIN)"
	case strings.Contains(words, "no space left on device"):
		return " (free space in /run)"
	}
	return ""
}

// memory is the container's peak. The resident set is the larger of what the control group
// held, which counts the kernel's memory for it too, and of the function's process.
func (c *container) memory() (measure.Memory, error) {
	if err := c.control.Within(endPatience); err != nil {
		return measure.Memory{}, c.explain("read a container's memory", err)
	}
	memory, err := c.control.Memory()
	if err != nil {
		return measure.Memory{}, c.explain("read a container's memory", err)
	}
	if c.group != nil {
		held, err := c.group.memoryPeak()
		if err != nil {
			return measure.Memory{}, err
		}
		memory.RSSPeak = max(memory.RSSPeak, held)
	}
	return memory, nil
}
