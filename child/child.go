// Package child starts processes that do not outlive this one.
package child

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
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
