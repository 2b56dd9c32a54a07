// Package child starts processes that do not outlive this one.
package child

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
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
