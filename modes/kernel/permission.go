package kernel

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// yamaFile says how far the Yama security module restricts reading other processes, see
// https://docs.kernel.org/admin-guide/LSM/Yama.html. It is missing where Yama is.
const yamaFile = "/proc/sys/kernel/yama/ptrace_scope"

// Values of it.
const (
	yamaClassic = "0"
	// yamaDescendants: a process reads its descendants, and those that have named it
	// (PR_SET_PTRACER).
	yamaDescendants = "1"
	yamaPrivileged  = "2"
	yamaNobody      = "3"
)

func yamaScope() string {
	text, err := os.ReadFile(yamaFile)
	if err != nil {
		return yamaClassic
	}
	return strings.TrimSpace(string(text))
}

// permissions of this process under Yama: one process, its descendants included, or any.
var permissions struct {
	lock sync.Mutex
	// sources is how many have permitted something.
	sources int
	tracer  uintptr
}

const anyTracer = ^uintptr(0) // PR_SET_PTRACER_ANY

// permit lets processes read this one where Yama demands that they be named, and returns
// how to end that. A process can name one other or all that the usual rules allow, so when
// there are several it has to be all.
func permit(processes []int) (withdraw func() error, err error) {
	if yamaScope() != yamaDescendants {
		return func() error { return nil }, nil
	}
	p := &permissions
	p.lock.Lock()
	defer p.lock.Unlock()
	tracer := anyTracer
	if processes = slices.Compact(slices.Sorted(slices.Values(processes))); len(processes) == 1 {
		tracer = uintptr(processes[0])
	}
	if p.sources > 0 && p.tracer != tracer {
		tracer = anyTracer
	}
	if err := unix.Prctl(unix.PR_SET_PTRACER, tracer, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("PR_SET_PTRACER: %w", err)
	}
	p.sources, p.tracer = p.sources+1, tracer
	return sync.OnceValue(func() error {
		p.lock.Lock()
		defer p.lock.Unlock()
		if p.sources--; p.sources > 0 {
			return nil
		}
		return unix.Prctl(unix.PR_SET_PTRACER, 0, 0, 0, 0)
	}), nil
}

// explain says what an error of process_vm_readv(2) means and what mends it.
func explain(err error, process int) error { return explainUnder(yamaScope(), err, process) }

func explainUnder(scope string, err error, process int) error {
	reason := ""
	switch {
	case errors.Is(err, unix.ESRCH):
		reason = "there is no such process: the source ended"
	case errors.Is(err, unix.EFAULT):
		reason = "the source has no memory there, or no longer"
	case errors.Is(err, unix.ENOSYS):
		reason = "this kernel was built without CONFIG_CROSS_MEMORY_ATTACH; use kernel/stream or kernel/memfd"
	case errors.Is(err, unix.EPERM):
		switch scope {
		case yamaDescendants:
			reason = "Yama lets a process read its descendants alone: sysctl kernel.yama.ptrace_scope=0"
		case yamaPrivileged:
			reason = "Yama demands CAP_SYS_PTRACE: run as root, or sysctl kernel.yama.ptrace_scope=1"
		case yamaNobody:
			reason = "Yama lets no process read others until the machine is started again; use kernel/memfd"
		default:
			reason = "both must run as one user and the source be dumpable (ptrace(2), PTRACE_MODE_ATTACH), or a container's seccomp profile forbids it: give the container CAP_SYS_PTRACE"
		}
	default:
		return fmt.Errorf("read the memory of process %d: %w", process, err)
	}
	return fmt.Errorf("read the memory of process %d: %w: %s", process, err, reason)
}
