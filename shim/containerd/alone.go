package containerd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	engines "rrbench/engines/catalogue"
	"rrbench/measure"
	"rrbench/shim/containerd/task"
	"rrbench/shim/runc"
)

// Program is what a container runs that is no shim: a module under a runtime, or a native program under
// runc.
type Program struct {
	// Runtime is containerd's name of what runs modules; empty is this project's, with that Engine.
	Runtime, Engine string
	// Module is for WebAssembly, Native the path of a static program of the host.
	Module []byte
	Native string
	// Name is the module's.
	Name      string
	Arguments []string
	// HostNetwork has it share this host's network; otherwise it has one of its own.
	HostNetwork bool
}

// CheckAlone looks for everything that a program needs.
func (s *Server) CheckAlone(p Program) error {
	if err := (Launcher{Server: s}).Check(""); err != nil {
		return err
	}
	if p.Native != "" {
		return runc.CheckAlone(p.Native)
	}
	if engines.Program(p.Engine) != "" {
		return unavailable("functions have the engines of rrbench itself, and "+p.Engine+" runs in the second program", "leave that engine out: --engines")
	}
	if name := shimName(p.Runtime); p.Runtime != "" && p.Runtime != task.Runtime {
		if _, err := exec.LookPath(name); err != nil {
			return unavailable(name+" is not on PATH", installOf(p.Runtime))
		}
	}
	return nil
}

// shimName is how containerd finds the program of a runtime: io.containerd.NAME.vN.
func shimName(runtime string) string {
	words := strings.Split(runtime, ".")
	return "containerd-shim-" + strings.Join(words[max(len(words)-2, 0):], "-")
}

// installOf says how to get a runtime.
func installOf(runtime string) string {
	switch words := strings.Split(runtime, "."); words[max(len(words)-2, 0)] {
	case "wasmtime", "wasmedge", "wasmer", "wamr":
		return "cargo install " + shimName(runtime) + ", or a release of https://github.com/containerd/runwasi"
	case "spin":
		return "a release of https://github.com/spinframework/containerd-shim-spin"
	}
	return "install it, or correct --containerd-runtime"
}

// Ready starts containerd, if that has not been done, and has it import a module's image.
func (s *Server) Ready(p Program) error {
	i, err := s.instance()
	if err == nil && p.Native == "" {
		_, err = i.unpacked(p)
	}
	return err
}

// CreateAlone creates a container with a program that is no shim, in namespaces of its own, which waits for Start.
// Its life's steps are the caller's to take, for their times to be measured. Its standard output goes to that pipe of
// the caller's; standard input comes from the other one. Without them there is no input, and output is kept for the
// error. The image of a module is imported before, once: see Ready.
func (s *Server) CreateAlone(ctx context.Context, p Program, stdin, stdout *os.File) (*Container, error) {
	i, err := s.instance()
	if err != nil {
		return nil, err
	}
	c := newContainer(i)
	c.stdin, c.stdout = pipePath(stdin), pipePath(stdout)
	runtime, snapshot := runcRuntime, ""
	// A module has but the network's.
	spec := runc.Spec(p.Native, "", nil, p.Arguments...)
	namespaces := spec.Linux.Namespaces
	if p.Native == "" {
		if snapshot, err = i.unpacked(p); err != nil {
			return nil, err
		}
		runtime = cmp.Or(p.Runtime, task.Runtime)
		spec = moduleSpec(p.Name, p.Arguments...)
		spec.Annotations = map[string]string{task.EngineAnnotation: p.Engine}
		if runtime != task.Runtime {
			// Other shims make a container as runc would.
			spec.Mounts = []specs.Mount{{Destination: "/proc", Type: "proc", Source: "proc"}}
			spec.Linux.Namespaces = namespaces
		}
	}
	if !p.HostNetwork {
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
	}
	if err := c.createTask(ctx, runtime, "", snapshot, spec); err != nil {
		return nil, errors.Join(err, c.Remove())
	}
	return c, nil
}

// pipePath names an open pipe of this process for others of this host; none has no name.
func pipePath(file *os.File) string {
	if file == nil {
		return ""
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd())
}

// unpacked is the snapshot of a program's image.
func (i *instance) unpacked(p Program) (string, error) {
	i.lock.Lock()
	defer i.lock.Unlock()
	if known, ok := i.snapshots[p.Name]; ok {
		return known, nil
	}
	snapshot, err := i.importImage(p.Name, p.Module)
	if err == nil {
		i.snapshots[p.Name] = snapshot
	}
	return snapshot, err
}

// PID is the program's process number on the host, of a function that of its host.
func (c *Container) PID() int { return c.pid }

// Used is the processor time of the container so far: of the program and of what has made ready for it there, not of
// containerd and its shims. It is zero where the control group does not tell.
func (c *Container) Used() measure.Usage {
	user, kernel, err := task.Used(groupOf(c.id))
	if err != nil {
		return measure.Usage{}
	}
	return measure.Usage{UserNs: user, KernelNs: kernel}
}

// Wait waits for the program's end, and says how it was if it was not a good one.
func (c *Container) Wait() error {
	exit, err := c.exit()
	switch {
	case err != nil || exit == 0:
		return err
	case exit == 128+uint32(unix.SIGKILL):
		return errors.New("it was killed by SIGKILL, out of memory?")
	}
	line, _ := c.said().Said()
	return fmt.Errorf("it exited with status %d: %s", exit, line)
}

// imageName is one that no other driver has.
func (i *instance) imageName(name string) string {
	return strings.ToLower(filepath.Base(i.directory.Path)) + "-" + name
}
