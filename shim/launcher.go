package shim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
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

// Launcher starts shims. It alone knows where a shim runs; no transport does.
type Launcher interface {
	// Check returns nil where it can start shims on this machine, given the transport's
	// parameter, else a *transport.Unavailable.
	Check(parameter string) error
	// Programs are the paths of the programs besides this one by which it starts shims.
	Programs() []string
	// Prepare makes what the shims of one cell share, a network for example.
	Prepare(parameter string) (Pod, error)
}

// Pod is what the shims of one cell share where they run.
type Pod interface {
	// Start starts one shim; the context bounds the start alone. It may be called by
	// several goroutines.
	Start(ctx context.Context, name string, runs transport.Runs) (*Instance, error)
	// Close releases what the shims shared. They must have ended.
	Close() error
}

// Instance is a launcher's handle on a started shim.
type Instance struct {
	Connection net.Conn
	// Parent is this process' number in the shim's namespace: the shim ends with that process. It is 0
	// where the shim cannot see it, and ends with the connection.
	Parent int
	// Address is the IP address at which the cell's other shims reach this one.
	Address string
	Program string
	// PID is the shim's process number as this process sees it.
	PID func() (int, error)
	// Wait waits for the end and returns its reason. It is called once.
	Wait func() ExitReason
	// Kill ends the shim at once, if it has not ended already.
	Kill func()
}

// ExitReason describes how a shim ended. It is the error of calls to one that was not asked to end.
type ExitReason struct {
	// Shim is its name, "target 0".
	Shim string
	// Where is "process 4711" or "container rrbench-…".
	Where string
	// How is "exited with status 2" or "killed by SIGKILL, out of memory?".
	How string
	// OK is true of the end of a shim that was asked to end.
	OK bool
	// Line is the line of standard error that explains most (child.Tail), Stderr its last 8 KiB.
	Line, Stderr string
}

// NewExitReason fills in what is known by the shim's output; How and OK are the caller's to set.
func NewExitReason(shim, where string, output *child.Tail) ExitReason {
	reason := ExitReason{Shim: shim, Where: where}
	reason.Line, reason.Stderr = output.Said()
	return reason
}

func (e *ExitReason) Error() string {
	text := fmt.Sprintf("shim %s (%s) %s", e.Shim, e.Where, e.How)
	if e.Line != "" {
		text += ": " + e.Line
	}
	return text
}

// inheritedDescriptor is where a shim finds its end of the control connection: the first
// descriptor after standard input, output and error.
const inheritedDescriptor = 3

// Child starts shims as child processes of this one. The zero value runs this program, even when its
// file has been replaced meanwhile.
type Child struct {
	// Program is another one to run, which calls Serve when its argument is "shim".
	Program string
	// Env is added to this process' environment, and to Environment.
	Env []string
}

func (Child) Check(string) error { return nil }

func (c Child) Programs() []string {
	if c.Program == "" {
		return nil
	}
	return []string{c.Program}
}

// Prepare implements Launcher: child processes share the host.
func (c Child) Prepare(string) (Pod, error) { return c, nil }

func (Child) Close() error { return nil }

func (c Child) Start(_ context.Context, name string, runs transport.Runs) (*Instance, error) {
	program := cmp.Or(c.Program, "/proc/self/exe")
	command := exec.Command(program, "shim")
	command.Args[0] = os.Args[0]
	command.Env = slices.Concat(slices.DeleteFunc(os.Environ(), func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return slices.Contains(measure.GoVariables, name)
	}), Environment(runs), c.Env)
	var output child.Tail
	command.Stderr = &output
	instance, err := Launch(command, child.Start, name, "", &output)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w (is %s executable?)", err, program)
	}
	if err != nil {
		return nil, err
	}
	instance.Parent, instance.Address, instance.Program = os.Getpid(), "127.0.0.1", program
	instance.PID = func() (int, error) { return command.Process.Pid, nil }
	return instance, nil
}

// Launch starts a command that is a shim, or the parent of one, with its end of a control connection. Where is the
// ExitReason's; empty is the command's process. Output keeps what it writes; start is (*exec.Cmd).Start or child.Start.
func Launch(command *exec.Cmd, start func(*exec.Cmd) error, name, where string, output *child.Tail) (*Instance, error) {
	connection, theirs, err := child.SocketPair(unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	command.ExtraFiles = []*os.File{theirs}
	// A child of the shim may outlive it with standard error open.
	command.WaitDelay = time.Second
	if err := start(command); err != nil {
		_ = connection.Close()
		return nil, err
	}
	return &Instance{
		Connection: connection,
		Wait: func() ExitReason {
			err := command.Wait()
			reason := NewExitReason(name, cmp.Or(where, fmt.Sprintf("process %d", command.Process.Pid)), output)
			reason.How, reason.OK = HowEnded(command.ProcessState, err), command.ProcessState.Success()
			return reason
		},
		// It fails only where the process has ended already.
		Kill: func() { _ = command.Process.Kill() },
	}, nil
}

// Environment is what all shims have of measure.GoVariables, whatever this process has. Without
// GOMAXPROCS Go uses the processors that it may. Go does not preempt in shims of WebAssembly: its
// signals cannot stop their guests, and no collection of garbage needs it while they run; but they
// would interrupt a thread in the first microseconds after it has waited for a payload. Native functions
// have Go's defaults.
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

// AllowedGuests is the environment variable with the SHA-256 digests, separated by commas, of the guests
// that a shim takes from its driver. Without the variable it takes every guest.
const AllowedGuests = "RRBENCH_ALLOWED_GUESTS"

// HowEnded describes how a process ended; err is that of Wait.
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

// KilledOutright is ExitReason.How of a process that SIGKILL ended.
const KilledOutright = "killed by SIGKILL, out of memory?"
