package containerd

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/shim"
)

func TestHandOff(t *testing.T) {
	shared(t)
	before := inventory(t)
	for _, name := range []string{"user/copy", "user/remap", "kernel/stream", "kernel/memfd", "network/splice"} {
		t.Run(name, func(t *testing.T) {
			cell, err := open(t.Context(), common, name)
			if err != nil {
				t.Fatal(err)
			}
			handOver(t, cell, batch(4), 4)
			if memory, err := cell.Memory(t.Context()); err != nil || memory.PSSPeak == 0 {
				t.Errorf("memory %+v, %v", memory, err)
			}
			if err := cell.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, before)
}

func TestNothingIsLeft(t *testing.T) {
	s := newServer(t, "")
	before := inventory(t)
	cell, err := open(t.Context(), s, "user/copy")
	if err != nil {
		t.Fatal(err)
	}
	// Without an end of its own.
	pid, err := cell.Shims()[0].PID()
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := cell.Close(); err == nil || !strings.Contains(err.Error(), "SIGKILL") {
		t.Errorf("the end of a function that was killed: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, before)
}

// A driver that is killed cannot clean up: the next one does.
func TestDriverKilled(t *testing.T) {
	newServer(t, "")
	t.Setenv("TMPDIR", t.TempDir())
	before := inventory(t)
	killedDriver(t)
	if left := Leftovers(); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	if err := Clean(); err != nil {
		t.Error(err)
	}
	if left := Leftovers(); left != nil {
		t.Errorf("left: %v", left)
	}
	eventually(t, before)
}

// A batch whose containerd is killed fails with that cause, and the next one has another.
func TestContainerdKilled(t *testing.T) {
	s := newServer(t, "")
	before := inventory(t)
	cell, err := open(t.Context(), s, "kernel/stream")
	if err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(100*time.Millisecond, func() { _ = s.current.daemon.Process.Kill() })
	defer kill.Stop()
	_, err = cell.Run(t.Context(), batch(1<<30), func(r shim.Record) error { return r.Err })
	if err == nil {
		t.Error("a batch whose containerd was killed goes well")
	}
	// The source may notice that its target is gone before the driver notices that the source is.
	err = errors.Join(err, cell.Ended())
	if _, ok := errors.AsType[*shim.ExitReason](err); !ok || !strings.Contains(err.Error(), "containerd") || !strings.Contains(err.Error(), "SIGKILL") {
		t.Errorf("a batch whose containerd was killed: %v", err)
	}
	_ = cell.Close()
	cell, err = open(t.Context(), s, "kernel/stream")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(cell.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	eventually(t, before)
}

// Functions outlive a restart of a containerd that is not the driver's.
func TestContainerdRestarts(t *testing.T) {
	owner := newServer(t, "")
	before := inventory(t)
	i, err := owner.instance()
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	s := newServer(t, i.address)
	cell, err := open(t.Context(), s, "kernel/stream")
	if err != nil {
		t.Fatal(err)
	}
	i.daemon.Kill()
	handOver(t, cell, batch(4), 4)
	if err := i.run(owner); err != nil {
		t.Fatal(err)
	}
	if err := i.answers(); err != nil {
		t.Fatal(err)
	}
	handOver(t, cell, batch(4), 4)
	if err := errors.Join(cell.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if list, err := exec.Command("ctr", "--address", i.address, "--namespace", Namespace, "containers", "list", "-q").Output(); err != nil || len(list) > 0 {
		t.Errorf("left: %s, %v", list, err)
	}
	if err := owner.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, before)
}

// Two drivers may use one containerd.
func TestTwoDrivers(t *testing.T) {
	i := shared(t)
	before := inventory(t)
	one, other := newServer(t, i.address), newServer(t, i.address)
	first, err := open(t.Context(), one, "user/copy")
	if err != nil {
		t.Fatal(err)
	}
	second, err := open(t.Context(), other, "user/copy")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(second.Close(), other.Close()); err != nil {
		t.Error(err)
	}
	handOver(t, first, batch(4), 4)
	if err := errors.Join(first.Close(), one.Close()); err != nil {
		t.Error(err)
	}
	eventually(t, before)
}

func TestCheck(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("containerd needs root")
	}
	t.Setenv("PATH", t.TempDir())
	if err := (Launcher{Server: NewServer("")}).Check(""); err == nil || !strings.Contains(err.Error(), "apt-get install containerd") {
		t.Errorf("without containerd: %v", err)
	}
}
