// Package child starts processes that do not outlive this one.
package child

import (
	"bytes"
	"cmp"
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

// lastingThread runs functions on an operating-system thread that never ends: a
// parent-death signal is sent when the thread that started the child ends, be it only
// retired by the Go runtime. See PR_SET_PDEATHSIG(2const).
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

// Tail keeps the end of what a process writes, and the line in which a runtime announced its own
// end, which a stack trace would push out.
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
	for rest := p; t.crash == "" && len(rest) > 0; {
		line, after, complete := bytes.Cut(rest, []byte("\n"))
		if room := TailLimit - len(t.line); len(line) > room {
			line = line[:room]
		}
		t.line = append(t.line, line...)
		if complete {
			if crash.Match(t.line) {
				t.crash = string(t.line)
			}
			t.line = t.line[:0]
		}
		rest = after
	}
	return len(p), nil
}

// crash is the first line of a crash of the Go runtime.
var crash = regexp.MustCompile("^(panic: |fatal error: |SIG)")

// Said is the line that says most, as foreign.Line has it, and the last TailLimit bytes.
func (t *Tail) Said() (line, all string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	all = strings.ToValidUTF8(string(t.kept), "\uFFFD")
	return foreign.Line(cmp.Or(t.crash, LastLine(all)), foreign.Usual), all
}

// LastLine is the last line that is not empty: as a rule it is in there that a program which ends
// says why.
func LastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}
