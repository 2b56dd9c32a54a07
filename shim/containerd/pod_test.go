package containerd

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"rrbench/catalogue"
	"rrbench/shim"
	"rrbench/transport"
)

// inPod starts a container of a pod, as containerd's client would make it, in which a driver asks for functions.
type inPod string

func (pod inPod) Start(ctx context.Context, name string, _ transport.Runs) (*shim.Instance, error) {
	c, spec := newContainer(common.current), functionSpec("")
	spec.Annotations["io.kubernetes.cri.sandbox-id"], spec.Annotations["io.kubernetes.cri.container-type"] = string(pod), "container"
	if err := c.startFunction(ctx, spec); err != nil {
		return nil, errors.Join(err, c.Remove())
	}
	return c.hosting(name, transport.Loopback), nil
}

func (inPod) Close() error { return nil }

func (pod inPod) start(t *testing.T) *shim.Process {
	t.Helper()
	process, err := shim.Start(t.Context(), pod, "in "+string(pod), transport.Wasm)
	if err != nil {
		t.Fatal(err)
	}
	return process
}

// The function of one container hands over to that of another: in one process where they are of one pod, otherwise between
// two.
func TestHandOffBetweenContainers(t *testing.T) {
	shared(t)
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
			source, target := inPod("pod-a").start(t), inPod(test.target).start(t)
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
