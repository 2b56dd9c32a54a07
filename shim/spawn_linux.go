package shim

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/child"
	"rrbench/transport"
)

// inheritedDescriptor is where a shim finds its end of the socket: the first descriptor
// after standard input, output and error.
const inheritedDescriptor = 3

// spawn starts the process, joined to the driver by a pair of connected sockets that have
// no name anywhere.
func (p *Process) spawn(options Options) (net.Conn, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "shim"), os.NewFile(uintptr(pair[1]), "driver")
	defer ours.Close()
	defer theirs.Close()
	connection, err := net.FileConn(ours)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}

	executable, arguments := options.Executable, options.Arguments
	if executable == "" {
		executable = "/proc/self/exe"
	}
	if arguments == nil {
		arguments = []string{"shim"}
	}
	p.command = exec.Command(executable, arguments...)
	p.command.Args[0] = os.Args[0]
	p.command.Env = environment(options)
	p.command.ExtraFiles = []*os.File{theirs}
	p.command.Stderr = &p.stderr
	// A process of the shim's own may outlive it with standard error open.
	p.command.WaitDelay = time.Second
	if err := child.Start(p.command); err != nil {
		_ = connection.Close()
		return nil, fmt.Errorf("%w (is %s executable?)", err, executable)
	}
	return connection, nil
}

// environment has Go not interrupt shims of WebAssembly. Their guests do not hear such
// signals, and nothing waits for them, as no garbage is collected while they run; but where
// a thread has waited for a payload, its first microseconds went to being interrupted.
// Native functions keep what a Go program has.
func environment(options Options) []string {
	env := os.Environ()
	if options.Runs != transport.Native {
		settings := "asyncpreemptoff=1"
		if inherited := os.Getenv("GODEBUG"); inherited != "" {
			settings = inherited + "," + settings
		}
		env = append(env, "GODEBUG="+settings)
	}
	return append(env, options.Env...)
}

// howEnded says how a process ended that was not asked to.
func howEnded(state *os.ProcessState, err error) string {
	if state == nil {
		return fmt.Sprintf("could not be waited for: %v", err)
	}
	switch ended := state.Sys().(syscall.WaitStatus); {
	case ended.Signaled() && ended.Signal() == syscall.SIGKILL:
		return "killed by SIGKILL, out of memory?"
	case ended.Signaled():
		return "killed by " + unix.SignalName(ended.Signal())
	default:
		return fmt.Sprintf("exited with status %d", ended.ExitStatus())
	}
}
