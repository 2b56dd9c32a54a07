package shim

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/child"
	"rrbench/measure"
	"rrbench/transport"
)

// inheritedDescriptor is where a shim finds its end of the control connection: the first
// descriptor after standard input, output and error.
const inheritedDescriptor = 3

// Child starts shims as child processes of this one. The zero value runs the program that
// runs already, even when its file has been replaced meanwhile.
type Child struct {
	// Program is another one to run.
	Program string
	// Arguments make the program call Serve; nil means {"shim"}.
	Arguments []string
	// Env is added to this process' environment, and to Environment.
	Env []string
}

var _ Launcher = Child{}

func (Child) Check(string) error { return nil }

func (Child) Programs() []string { return nil }

// Prepare implements Launcher: child processes share the host.
func (c Child) Prepare(string) (Pod, error) { return c, nil }

func (Child) Close() error { return nil }

func (c Child) Start(_ context.Context, name string, runs transport.Runs) (*Instance, error) {
	connection, theirs, err := child.SocketPair(unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	program, arguments := c.Program, c.Arguments
	if program == "" {
		program = "/proc/self/exe"
	}
	if arguments == nil {
		arguments = []string{"shim"}
	}
	command := exec.Command(program, arguments...)
	command.Args[0] = os.Args[0]
	command.Env = slices.Concat(withoutGo(os.Environ()), Environment(runs), c.Env)
	command.ExtraFiles = []*os.File{theirs}
	stderr := &child.Tail{}
	command.Stderr = stderr
	// A process of the shim's own may outlive it with standard error open.
	command.WaitDelay = time.Second
	if err := child.Start(command); err != nil {
		_ = connection.Close()
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w (is %s executable?)", err, program)
		}
		return nil, err
	}
	return &Instance{
		Connection: connection,
		Parent:     os.Getpid(),
		Address:    "127.0.0.1",
		Program:    program,
		PID:        func() (int, error) { return command.Process.Pid, nil },
		Wait: func() ExitReason {
			err := command.Wait()
			reason := NewExitReason(name, fmt.Sprintf("process %d", command.Process.Pid), stderr)
			reason.How, reason.OK = HowEnded(command.ProcessState, err), command.ProcessState.Success()
			return reason
		},
		// The error would be that it has ended already.
		Kill: func() { _ = command.Process.Kill() },
	}, nil
}

// Environment is what all shims have of measure.GoVariables, whatever this process has: without
// GOMAXPROCS Go uses the processors that it may. Go shall not interrupt shims of WebAssembly:
// their guests do not hear such signals, and nothing waits for them, as no garbage is
// collected while they run; but where a thread has waited for a payload, its first
// microseconds went to being interrupted. Native functions keep what a Go program has.
func Environment(runs transport.Runs) []string {
	environment := []string{"GOGC=100", "GOMEMLIMIT=off"}
	if runs != transport.Native {
		environment = append(environment, "GODEBUG=asyncpreemptoff=1")
	}
	if allowed, limited := os.LookupEnv(AllowedGuests); limited {
		environment = append(environment, AllowedGuests+"="+allowed)
	}
	return environment
}

// AllowedGuests is the environment variable that lists, by commas, the SHA-256 digests of the guests
// that a shim takes from its driver. Without it every guest is taken.
const AllowedGuests = "RRBENCH_ALLOWED_GUESTS"

func withoutGo(environment []string) []string {
	return slices.DeleteFunc(environment, func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return slices.Contains(measure.GoVariables, name)
	})
}

// HowEnded says how a process that has been waited for ended.
func HowEnded(state *os.ProcessState, err error) string {
	if state == nil {
		return fmt.Sprintf("could not be waited for: %v", err)
	}
	switch ended := state.Sys().(syscall.WaitStatus); {
	case ended.Signaled() && ended.Signal() == syscall.SIGKILL:
		return KilledOutright
	case ended.Signaled():
		return "killed by " + unix.SignalName(ended.Signal())
	default:
		return fmt.Sprintf("exited with status %d", ended.ExitStatus())
	}
}

// KilledOutright is ExitReason.How of a process that this one has not killed.
const KilledOutright = "killed by SIGKILL, out of memory?"
