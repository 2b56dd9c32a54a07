package runc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rrbench/child"
	"rrbench/private"
)

// prefix begins the name of everything that containers leave on a machine: of one, of its directory and of its control group.
const prefix = "rrbench-runc-"

const callDeadline = 5 * time.Second

func pidOf(directory, id string) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callDeadline)
	defer cancel()
	var state specs.State
	output, err := runc(ctx, directory, "state", id).Output()
	if err == nil {
		err = json.Unmarshal(output, &state)
	}
	if err != nil {
		return 0, fmt.Errorf("find the process of container %s: runc state: %w", id, err)
	}
	return state.Pid, nil
}

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

// runcPlaces are PATH, and places that are often not on the PATH of other users than root.
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
	// Not NOTIFY_SOCKET, by which systemd asks services to report to it: runc would wait for that.
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	// A Ctrl-C at the terminal is for the driver alone: it ends its containers in order.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return command
}

// Leftovers names the containers of drivers that were killed together with their runc. Network
// namespaces, bridges and cables have no names and cannot be left behind. Where only the shim or its
// driver was killed, runc cleans up within a moment.
func Leftovers() []string { return private.AbandonedNames(os.TempDir(), prefix) }

// Clean removes what Leftovers names, and nothing else.
func Clean() error { return private.Clean(os.TempDir(), prefix, remove) }

// remove removes what is left of a container: its processes, control group, runc's record, and at last
// the directory, by which the others are found. It is no error where nothing is left.
func remove(directory *private.Directory) error {
	id := filepath.Base(directory.Path)
	if _, err := os.Stat(filepath.Join(directory.Path, records, id)); err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), callDeadline)
		defer cancel()
		// Runc may be removing it by itself at this moment, and fail here.
		_ = runc(ctx, directory.Path, "delete", "--force", id).Run()
	}
	if err := RemoveGroups(id); err != nil {
		return errors.Join(err, directory.Release())
	}
	return directory.Remove()
}

// RemoveBundle removes the directory of a container that has ended, in place of a driver that is dead: a
// hook of runc's calls it by this program. A directory that is no bundle stays.
func RemoveBundle(directory string) error {
	if _, err := os.Stat(filepath.Join(directory, configFile)); err != nil {
		return errors.New("this is no bundle of a container")
	}
	return os.RemoveAll(directory)
}

// Alone is a container with a program that is no shim, in namespaces of its own, the network's too. It ends with its
// program. The phases of its life are single calls, so that each can be measured.
type Alone struct {
	id        string
	directory *private.Directory
	pid       int
	usage     []*syscall.Rusage
}

// adopt makes this process the parent of programs whose own parent has ended, so that it learns how those of containers
// end.
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

// CreateAlone creates a container with a static program of the host, its arguments, and
// these open files as its standard input, output and error. The container waits for Start.
func CreateAlone(ctx context.Context, program string, arguments []string, stdin, stdout, stderr *os.File) (_ *Alone, err error) {
	if err := adopt(); err != nil {
		return nil, err
	}
	cleanOnce()
	spec := Spec(program, "", nil, arguments...)
	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
	directory, err := makeBundle(spec, "", os.Geteuid() != 0)
	if err != nil {
		return nil, err
	}
	a := &Alone{id: filepath.Base(directory.Path), directory: directory}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Remove())
		}
	}()
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
