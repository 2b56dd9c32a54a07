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

// Launcher starts shims. Where a shim runs is its launcher's business alone: no transport
// knows it.
type Launcher interface {
	// Check returns nil when it can start shims on this machine, given the transport's
	// parameter, else a *transport.Unavailable.
	Check(parameter string) error
	// Programs are the paths of other programs than this one that it starts shims by.
	Programs() []string
	// Prepare makes what the shims of one cell share, a network for example.
	Prepare(parameter string) (Pod, error)
}

// Pod is what the shims of one cell share where they run.
type Pod interface {
	// Start starts one shim; the context bounds the start alone. It may be called by
	// several goroutines.
	Start(ctx context.Context, name string, runs transport.Runs) (*Instance, error)
	// Close gives up what the shims shared, when they have ended.
	Close() error
}

// Instance is a started shim as its launcher has it.
type Instance struct {
	Connection net.Conn
	// Parent is this process' number as the shim sees it, for the shim to end with it; 0
	// where it sees none, and ends with the connection.
	Parent int
	// Address is the IP address at which the cell's other shims reach this one.
	Address string
	Program string
	// PID is the shim's process number as this process sees it.
	PID func() (int, error)
	// Wait waits for the end and says how it came about. It is called once.
	Wait func() ExitReason
	// Kill ends the shim at once. Where it has ended already, nothing happens.
	Kill func()
}

// ExitReason says how a shim ended. It is the error of calls to one that was not asked to end.
type ExitReason struct {
	// Shim is its name, "target 0".
	Shim string
	// Where is "process 4711" or "container rrbench-…".
	Where string
	// How is "exited with status 2" or "killed by SIGKILL, out of memory?".
	How string
	// OK says that this is how a shim ends that was asked to.
	OK bool
	// Line is the line of standard error that says most, Stderr its last 8 KiB.
	Line, Stderr string
}

// NewExitReason is the part of one that the shim's output tells.
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

// Child starts shims as child processes of this one. The zero value runs the program that
// runs already, even when its file has been replaced meanwhile.
type Child struct {
	// Program is another one to run, which calls Serve when its argument is "shim".
	Program string
	// Env is added to this process' environment, and to Environment.
	Env []string
}

func (Child) Check(string) error { return nil }

func (Child) Programs() []string { return nil }

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

// Launch starts a command that is a shim, or the parent of one, with its end of a control connection, and says where it
// runs if that is not a process of this host. The output is what it writes; start is (*exec.Cmd).Start or child.Start.
func Launch(command *exec.Cmd, start func(*exec.Cmd) error, name, where string, output *child.Tail) (*Instance, error) {
	connection, theirs, err := child.SocketPair(unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	command.ExtraFiles = []*os.File{theirs}
	// A process of the shim's own may outlive it with standard error open.
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
