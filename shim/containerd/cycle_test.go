package containerd

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/shim/containerd/task"
)

// helloIn is the configuration of a container that runs hello.c in an engine and a network of its own.
func helloIn(engine string, arguments ...string) *specs.Spec {
	spec := moduleSpec("hello", arguments...)
	spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.NetworkNamespace}}
	spec.Annotations = map[string]string{task.EngineAnnotation: engine}
	return spec
}

// sleeping starts a container in which hello.c sleeps.
func sleeping(ctx context.Context, i *instance, snapshot string) (*Container, error) {
	c := newContainer(i)
	return c, c.create(ctx, task.Runtime, "", snapshot, helloIn(engine(), "sleep"))
}

// Cycles of create, start, kill and delete leave nothing behind, in containerd and its shim neither.
func TestCycles(t *testing.T) {
	i := shared(t)
	ctx := t.Context()
	_, snapshot := i.add(t, "hello", hello(t))
	// It keeps the shim.
	keeper, err := sleeping(ctx, i, snapshot)
	if err != nil {
		t.Fatal(err)
	}
	defer keeper.Remove()
	shim := shimOf(t)
	cycle := func() {
		c, err := sleeping(ctx, i, snapshot)
		if err != nil {
			t.Fatal(err)
		}
		bounded, cancel := within(ctx, callDeadline)
		defer cancel()
		if _, err := tasks.NewTasksClient(i.connection).Kill(bounded, &tasks.KillRequest{ContainerID: c.id, Signal: uint32(unix.SIGKILL)}); err != nil {
			t.Fatal(err)
		}
		if status, lost := c.exit(); status != 137 || lost != nil {
			t.Errorf("status %d, %v", status, lost)
		}
		if err := c.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	for range cycles / 10 {
		cycle()
	}
	before := holdings(t, i.daemon.Process.Pid, shim)
	for range cycles {
		cycle()
	}
	after := holdings(t, i.daemon.Process.Pid, shim)
	t.Logf("before %+v, after %d cycles %+v", before, cycles, after)
	// Connections and buffers come and go.
	if after.descriptors > before.descriptors+16 || after.mounts != before.mounts || after.threads > before.threads+8 || after.memory > before.memory+32<<20 {
		t.Errorf("before %+v, after %d cycles %+v", before, cycles, after)
	}
}

type holding struct {
	descriptors, threads, mounts int
	memory                       int64
}

// holdings is what processes have, and how many mounts there are.
func holdings(t *testing.T, processes ...int) (h holding) {
	t.Helper()
	for _, process := range processes {
		descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", process))
		if err != nil {
			t.Fatal(err)
		}
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", process))
		if err != nil {
			t.Fatal(err)
		}
		memory, err := measure.ProcessMemory(process)
		if err != nil {
			t.Fatal(err)
		}
		h.descriptors, h.threads, h.memory = h.descriptors+len(descriptors), h.threads+len(threads), h.memory+memory.PSSPeak
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	h.mounts = strings.Count(string(mounts), "\n")
	return h
}
