// Package child starts processes that do not outlive this one.
package child

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"rrbench/foreign"
)

// Start starts a command that the kernel kills when this process ends, however that ends.
func Start(command *exec.Cmd) error {
	if command.SysProcAttr == nil {
		command.SysProcAttr = new(syscall.SysProcAttr)
	}
	command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	done := make(chan error)
	lastingThread() <- func() { done <- command.Start() }
	return <-done
}

// lastingThread runs functions on an operating-system thread that never ends: the kernel sends a
// parent-death signal when the thread that started the child ends, also where the Go runtime only
// retires it. See PR_SET_PDEATHSIG(2const).
var lastingThread = sync.OnceValue(func() chan<- func() {
	calls := make(chan func())
	go last(calls)
	return calls
})

func last(calls <-chan func()) {
	runtime.LockOSThread()
	for call := range calls {
		call()
	}
}

// Daemon is a process that runs until it is killed, or ends by itself.
type Daemon struct {
	*exec.Cmd
	// Said keeps the end of its output.
	Said Tail
	// Life is over when the process has ended and was waited for.
	Life context.Context
}

// StartDaemon is Start for a command of which nothing else reads the output.
func StartDaemon(command *exec.Cmd) (*Daemon, error) {
	d := &Daemon{Cmd: command}
	command.Stdout, command.Stderr = &d.Said, &d.Said
	if err := Start(command); err != nil {
		return nil, err
	}
	var end context.CancelFunc
	d.Life, end = context.WithCancel(context.Background())
	go func() {
		defer end()
		_ = command.Wait()
	}()
	return d, nil
}

// HasEnded is false of a nil Daemon.
func (d *Daemon) HasEnded() bool { return d != nil && d.Life.Err() != nil }

// Kill ends it, and waits for that.
func (d *Daemon) Kill() {
	_ = d.Process.Kill()
	<-d.Life.Done()
}

// SocketPair makes a connection: this side of it, and the other as a file for a program to inherit. The two
// sockets have no name anywhere.
func SocketPair(kind int) (ours net.Conn, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	file := os.NewFile(uintptr(pair[0]), "ours")
	theirs = os.NewFile(uintptr(pair[1]), "theirs")
	defer file.Close()
	if ours, err = net.FileConn(file); err != nil {
		_ = theirs.Close()
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return ours, theirs, nil
}

// Tail keeps the end of what a process writes, and the first line of a crash of its Go runtime, which a
// stack trace would push out.
type Tail struct {
	mutex sync.Mutex
	kept  []byte
	line  []byte
	crash string
}

// TailLimit is how much a Tail keeps, in bytes.
const TailLimit = 8 << 10

// Write never fails, so that a process never blocks on its output.
func (t *Tail) Write(p []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - TailLimit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	for line := range bytes.Lines(p) {
		t.line = append(t.line, line[:min(len(line), TailLimit-len(t.line))]...)
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		if t.crash == "" && crash.Match(t.line) {
			t.crash = string(t.line)
		}
		t.line = t.line[:0]
	}
	return len(p), nil
}

var crash = regexp.MustCompile("^(panic: |fatal error: |SIG)")

// Said returns the line that explains most, made safe by foreign.Line, and the last TailLimit bytes.
func (t *Tail) Said() (line, all string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	all = strings.ToValidUTF8(string(t.kept), "\uFFFD")
	return foreign.Line(cmp.Or(t.crash, LastLine(all)), foreign.Usual), all
}

// LastLine is the last line that is not empty: most programs write there why they end.
func LastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}
