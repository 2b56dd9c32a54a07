package runc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rrbench/child"
	"rrbench/private"
)

// Alone is a container with a program that is no shim, in namespaces of its own, the network's too. It ends with its
// program. The phases of its life are steps here, for their times to be measured.
type Alone struct {
	id        string
	directory *private.Directory
	pid       int
	usage     []*syscall.Rusage
}

// adopt has this process become the parent of programs whose own has ended: those of containers, of which it is then told
// how they end.
var adopt = sync.OnceValue(func() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl PR_SET_CHILD_SUBREAPER: %w", err)
	}
	return nil
})

// CheckAlone looks for everything that a container with a static program needs.
func CheckAlone(program string) error {
	_, err := Launcher{Program: program}.capabilities("")
	return err
}

// CreateAlone creates a container whose program is that file of the host, which needs no other, with these arguments, and
// these open files as its standard input, output and error. The container waits for Start.
func CreateAlone(ctx context.Context, program string, arguments []string, stdin, stdout, stderr *os.File) (_ *Alone, err error) {
	if err := adopt(); err != nil {
		return nil, err
	}
	cleanOnce()
	directory, err := private.NewDirectory(os.TempDir(), prefix)
	if err != nil {
		return nil, fmt.Errorf("make a container's directory: %w", err)
	}
	a := &Alone{id: filepath.Base(directory.Path), directory: directory}
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(directory))
		}
	}()
	spec := Spec(program, "", nil, arguments...)
	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
	if err := writeBundle(directory.Path, spec, "", os.Geteuid() != 0); err != nil {
		return nil, err
	}
	pidFile := filepath.Join(directory.Path, "pid")
	command := runc(ctx, directory.Path, "create", "--bundle", directory.Path, "--no-new-keyring", "--pid-file", pidFile, a.id)
	command.Stdin, command.Stdout, command.Stderr = stdin, stdout, stderr
	if err := a.call(command); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(pidFile)
	if err == nil {
		a.pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil {
		return nil, fmt.Errorf("find the process of container %s: %w", a.id, err)
	}
	return a, nil
}

// call runs runc, and keeps what it used.
func (a *Alone) call(command *exec.Cmd) error {
	err := command.Run()
	if command.ProcessState != nil {
		if used, ok := command.ProcessState.SysUsage().(*syscall.Rusage); ok {
			a.usage = append(a.usage, used)
		}
	}
	if err != nil {
		return fmt.Errorf("runc %s: %w", command.Args[3], err)
	}
	return nil
}

// PID is the program's process number on the host.
func (a *Alone) PID() int { return a.pid }

// Start has the program run.
func (a *Alone) Start(ctx context.Context) error {
	var said child.Tail
	command := runc(ctx, a.directory.Path, "start", a.id)
	command.Stdout, command.Stderr = &said, &said
	if err := a.call(command); err != nil {
		line, _ := said.Said()
		return fmt.Errorf("%w: %s%s", err, line, remedyFor(line))
	}
	return nil
}

// Kill ends the program at once.
func (a *Alone) Kill() error { return unix.Kill(a.pid, unix.SIGKILL) }

// Wait waits for the program's end. Its usage is its own alone; that of runc is in Used.
func (a *Alone) Wait() (*os.ProcessState, error) {
	process, err := os.FindProcess(a.pid)
	if err != nil {
		return nil, err
	}
	return process.Wait()
}

// Used is what calls of runc have used so far.
func (a *Alone) Used() []*syscall.Rusage { return a.usage }

// Remove removes what is left of the container.
func (a *Alone) Remove() error { return remove(a.directory) }
