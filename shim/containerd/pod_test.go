package containerd

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"rrbench/catalogue"
	"rrbench/shim"
	"rrbench/shim/containerd/task"
	"rrbench/transport"
)

// controlled is a container of a pod, as containerd's client would make it, in which a driver asks for functions.
type controlled struct{ *Container }

func (c controlled) Start(ctx context.Context, name string, _ transport.Runs) (*shim.Instance, error) {
	var dialer net.Dialer
	var err error
	if c.control, err = dialer.DialContext(ctx, "unix", task.ControlSocket(c.address, Namespace, c.id)); err != nil {
		return nil, err
	}
	return &shim.Instance{Connection: c.control, Address: transport.Loopback, Program: "container " + c.id,
		PID: func() (int, error) { return c.pid, nil }, Wait: func() shim.ExitReason { return c.wait(name) }, Kill: func() { _ = c.Kill() }}, nil
}

func (controlled) Close() error { return nil }

// inPod starts a container of a pod, and connects to it by the control protocol.
func inPod(t *testing.T, i *instance, pod string) *shim.Process {
	t.Helper()
	parent, err := i.unpacked(Program{Name: function})
	if err != nil {
		t.Fatal(err)
	}
	c := newContainer(i)
	err = c.create(t.Context(), task.Runtime, "", parent, isolated(function, map[string]string{
		task.ControlAnnotation: strconv.Itoa(os.Getuid()), "io.kubernetes.cri.sandbox-id": pod, "io.kubernetes.cri.container-type": "container",
	}))
	if err != nil {
		t.Fatal(err, c.Remove())
	}
	process, err := shim.Start(t.Context(), controlled{c}, c.id, transport.Wasm)
	if err != nil {
		t.Fatal(err)
	}
	return process
}

// The function of one container hands over to that of another: in one process where they are of one pod, otherwise between
// two.
func TestHandOffBetweenContainers(t *testing.T) {
	i := shared(t)
	before := inventory(t)
	for _, test := range []struct {
		transport, target string
		together          bool
		want              string
	}{
		{"user/copy", "pod-a", true, ""},
		{"user/remap", "pod-a", true, ""},
		{"kernel/stream", "pod-a", true, ""},
		{"kernel/stream", "pod-b", false, ""},
		{"user/copy", "pod-b", false, "in this process"},
	} {
		t.Run(test.transport+" to "+test.target, func(t *testing.T) {
			source, target := inPod(t, i, "pod-a"), inPod(t, i, test.target)
			// Each ends alone.
			defer func() {
				for _, p := range []*shim.Process{target, source} {
					if err := p.Close(); err != nil {
						t.Error(err)
					}
				}
			}()
			ours, _ := source.PID()
			theirs, _ := target.PID()
			if together := ours == theirs; together != test.together {
				t.Errorf("processes %d and %d", ours, theirs)
			}
			found, err := catalogue.Find(test.transport)
			if err != nil {
				t.Fatal(err)
			}
			setup := setupOf(found.Info())
			endpoint, err := target.Serve(t.Context(), test.transport, setup)
			if err != nil {
				t.Fatal(err)
			}
			err = source.Open(t.Context(), test.transport, setup, []transport.Endpoint{endpoint})
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			handOver(t, source, batch(4), 4)
		})
	}
	eventually(t, before)
	if groups, _ := filepath.Glob("/sys/fs/cgroup/*/roadrunner-pod-*"); groups != nil {
		t.Errorf("left: %v", groups)
	}
}
