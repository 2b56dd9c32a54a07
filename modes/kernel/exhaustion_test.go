package kernel

import (
	"errors"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"rrbench/memory"
	"rrbench/modes"
	"rrbench/modes/modestest"
	"rrbench/payloads"
	"rrbench/transport/transporttest"
)

// When the kernel gives the process no more mappings, payloads arrive all the same, and are
// mapped again afterwards.
func TestOutOfMappings(t *testing.T) {
	without(t, 2<<20, modestest.TakeMappings)
}

// When the process may not have much more memory than it has (RLIMIT_AS, setrlimit(2)),
// payloads are sent as bytes.
func TestOutOfMemory(t *testing.T) {
	// Enough for the stack of a thread that the runtimes may start, and not for a payload.
	const left, longest = 12 << 20, 16 << 20
	without(t, longest, func(t *testing.T) (again func()) { return modestest.LimitAddressSpace(t, left) })
}

// callOnThreads has guests called on more threads than hand-offs use: the first call on a thread
// maps a stack for signals, without which wasmtime ends the process.
func callOnThreads(t *testing.T, engine string) {
	t.Helper()
	const threads = 16
	var inside, done sync.WaitGroup
	inside.Add(threads)
	for range threads {
		with := setup(engine, 64, 1)
		function, err := modes.Load(t.Context(), with, func(*modes.Region) error {
			// A goroutine keeps its thread as long as a guest has called it.
			inside.Done()
			inside.Wait()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := function.Prepare(payloads.Spec{Kind: payloads.Bytes, Size: 64}); err != nil {
			t.Fatal(err)
		}
		done.Go(func() {
			if err := errors.Join(function.Send(), function.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
}

// without hands payloads over in a process that lacks something, each of another length.
func without(t *testing.T, longest int64, take func(t *testing.T) (again func())) {
	if err := NewMemfd().Check(); err != nil {
		t.Skip(err)
	}
	if !modestest.InChild(t, nil) {
		return
	}
	transporttest.SmallBlocks(t)
	for _, engine := range modestest.Engines(t) {
		o := openInside(t, engine, longest, "c", "c")
		size := longest
		handOver := func() {
			t.Helper()
			transporttest.HandOver(t, o, payloads.Spec{Kind: payloads.Bytes, Seed: uint64(size), Size: size}, &o.handoff)
			size -= 5000
		}
		handOver()
		callOnThreads(t, engine)
		// The Go runtime would not survive where it cannot map memory.
		debug.SetGCPercent(-1)
		again := take(t)
		for range 2 {
			handOver()
		}
		again()
		debug.SetGCPercent(100)
		handOver()
		if o.memfd.region == nil {
			t.Error("the source makes no memory files any more")
		}
		o.close(t)
	}
}

// A process that may not read another says why, and what mends it.
func TestReadingIsRefused(t *testing.T) {
	const nobody = 65534
	if uid := os.Getuid(); uid != 0 && uid != nobody {
		t.Skip("only root can start a process of another user")
	}
	if !modestest.InChild(t, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}) {
		return
	}
	var r reader
	err := r.read(os.Getppid(), make([]byte, 100), uintptr(memory.Size))
	if err == nil || !strings.Contains(err.Error(), "read the memory of process") || !strings.Contains(err.Error(), ": run as root") &&
		!strings.Contains(err.Error(), "run as one user") && !strings.Contains(err.Error(), "sysctl") && !strings.Contains(err.Error(), "kernel/memfd") {
		t.Error(err)
	}
}

func TestRefusalsAreExplained(t *testing.T) {
	for scope, want := range map[string]string{
		yamaClassic:     "both must run as one user and the source be dumpable",
		yamaDescendants: "sysctl kernel.yama.ptrace_scope=0",
		yamaPrivileged:  "Yama demands CAP_SYS_PTRACE",
		yamaNobody:      "until the machine is started again",
	} {
		if err := explainUnder(scope, unix.EPERM, 7); !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "process 7") {
			t.Errorf("under Yama's %s: %v", scope, err)
		}
	}
}
