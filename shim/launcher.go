package shim

import (
	"context"
	"fmt"
	"net"

	"rrbench/child"
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
	// Connection leads to the shim's control server.
	Connection net.Conn
	// Parent is this process' number as the shim sees it, for the shim to end with it; 0
	// where it sees none, and ends with the connection.
	Parent int
	// Address is the IP address at which the cell's other shims reach this one.
	Address string
	// Program is the path of what was started, for errors.
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
