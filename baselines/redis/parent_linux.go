package redis

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// canEndWithParent says whether a server's life can be tied to this process'.
const canEndWithParent = true

// startEndingWithParent starts a process that the kernel kills when this one ends, however
// that ends.
func startEndingWithParent(command *exec.Cmd) error {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	done := make(chan error)
	lastingThread() <- func() { done <- command.Start() }
	return <-done
}

// lastingThread runs functions on a thread that never ends: the signal is sent when the
// thread that started the child ends, be it only retired by the Go runtime. See
// PR_SET_PDEATHSIG(2const).
var lastingThread = sync.OnceValue(func() chan<- func() {
	calls := make(chan func())
	go func() {
		runtime.LockOSThread()
		for call := range calls {
			call()
		}
	}()
	return calls
})
