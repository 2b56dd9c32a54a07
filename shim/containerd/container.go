package containerd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/cgroups/v3"
	"github.com/containerd/cgroups/v3/cgroup2"
	"github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"rrbench/child"
	engines "rrbench/engines/catalogue"
	"rrbench/image"
	"rrbench/measure"
	"rrbench/shim"
	"rrbench/shim/containerd/task"
	"rrbench/shim/runc"
	"rrbench/transport"
)

// Container is a container of containerd. One that hosts functions ends when its control connection closes, which
// the kernel does for a driver that dies.
type Container struct {
	*instance
	id string
	// stdin and stdout are pipes; without them there is no input, and the log has the output.
	stdin, stdout string
	pid           int
	// control is the connection, nil for a program that hosts no functions.
	control net.Conn
}

func newContainer(i *instance) *Container {
	return &Container{instance: i, id: fmt.Sprintf("%s-%d", filepath.Base(i.directory.Path), i.containers.Add(1))}
}

// startFunction starts a container by this project's runtime, and connects to the functions' host in it.
func (c *Container) startFunction(ctx context.Context, spec *specs.Spec) error {
	parent, err := c.unpacked(Program{Name: function})
	if err != nil {
		return err
	}
	if err := c.create(ctx, task.Runtime, image.Reference(c.imageName(function)), parent, spec); err != nil {
		return err
	}
	var dialer net.Dialer
	if c.control, err = dialer.DialContext(ctx, "unix", task.ControlSocket(c.address, Namespace, c.id)); err != nil {
		return fmt.Errorf("reach its functions: %w", err)
	}
	return nil
}

// functionSpec is the configuration of a container in which a driver hosts functions. Without the path of a network
// namespace it has one of its own.
func functionSpec(namespace string) *specs.Spec {
	spec := moduleSpec(function)
	spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.NetworkNamespace, Path: namespace}}
	spec.Annotations = map[string]string{task.ControlAnnotation: strconv.Itoa(os.Getuid())}
	return spec
}

// moduleSpec is the configuration of a container that runs a module of an image.
func moduleSpec(name string, arguments ...string) *specs.Spec {
	return &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{Args: append([]string{"/" + name + ".wasm"}, arguments...), Cwd: "/", NoNewPrivileges: true},
		Linux:   &specs.Linux{},
	}
}

// runcRuntime is containerd's own.
const runcRuntime = "io.containerd.runc.v2"

// controlInside is where a container of runc's finds the directory of the driver's socket.
const controlInside = "/control"

// startNative starts a container by runc in which the program connects to this process.
func (c *Container) startNative(ctx context.Context, namespace string, runs transport.Runs) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Mkdir(c.path(c.id), 0o700); err != nil {
		return err
	}
	socket := filepath.Join(c.path(c.id), "socket")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return err
	}
	defer listener.Close()
	spec := runc.Spec(self, namespace, shim.Environment(runs), "shim", "--connect", filepath.Join(controlInside, "socket"))
	spec.Mounts = append(spec.Mounts, specs.Mount{Destination: controlInside, Type: "bind", Source: c.path(c.id), Options: []string{"bind", "nosuid", "nodev", "noexec"}})
	if err := c.create(ctx, runcRuntime, "", "", spec); err != nil {
		return err
	}
	if err := listener.SetDeadline(time.Now().Add(startDeadline)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	if c.control, err = listener.Accept(); err != nil {
		return fmt.Errorf("wait for its program: %w", err)
	}
	return nil
}

// specType is the type of a runtime specification in JSON, as containerd's clients name it.
const specType = "types.containerd.io/opencontainers/runtime-spec/1/Spec"

func (c *Container) create(ctx context.Context, runtime, image, parent string, spec *specs.Spec) error {
	if err := c.createTask(ctx, runtime, image, parent, spec); err != nil {
		return err
	}
	return c.Start(ctx)
}

func (c *Container) createTask(ctx context.Context, runtime, image, parent string, spec *specs.Spec) error {
	ctx, cancel := within(ctx, startDeadline)
	defer cancel()
	spec.Linux.CgroupsPath = groupOf(c.id)
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	// The container first: what refers to it is not collected as garbage.
	_, err = containers.NewContainersClient(c.connection).Create(ctx, &containers.CreateContainerRequest{Container: &containers.Container{
		ID: c.id, Image: image, Runtime: &containers.Container_Runtime{Name: runtime}, Spec: &anypb.Any{TypeUrl: specType, Value: text},
		Snapshotter: c.snapshotter, SnapshotKey: c.id,
	}})
	if err != nil {
		return fmt.Errorf("create it: %w", err)
	}
	prepared, err := snapshots.NewSnapshotsClient(c.connection).Prepare(ctx, &snapshots.PrepareSnapshotRequest{Snapshotter: c.snapshotter, Key: c.id, Parent: parent})
	if err != nil {
		return fmt.Errorf("prepare its file system: %w", err)
	}
	output := "file://" + c.log()
	said := output
	if c.stdout != "" {
		output = c.stdout
		if runtime != task.Runtime {
			// Other shims take two pipes or two files: their errors are in the output, too.
			said = output
		}
	}
	created, err := tasks.NewTasksClient(c.connection).Create(ctx, &tasks.CreateTaskRequest{ContainerID: c.id, Rootfs: prepared.GetMounts(), Stdin: c.stdin, Stdout: output, Stderr: said})
	if err != nil {
		return fmt.Errorf("create its task: %w", err)
	}
	c.pid = int(created.GetPid())
	return nil
}

// groupOf is the path of a container's control group. It is beside this process' own, so that neither counts for the other.
func groupOf(id string) string { return "/" + id }

func (c *Container) Start(ctx context.Context) error {
	ctx, cancel := within(ctx, startDeadline)
	defer cancel()
	if _, err := tasks.NewTasksClient(c.connection).Start(ctx, &tasks.StartRequest{ContainerID: c.id}); err != nil {
		return fmt.Errorf("start it: %w", err)
	}
	return nil
}

func (c *Container) log() string { return c.path(c.id + ".log") }

// absence is how long a containerd of the machine's may not answer, as while it is restarted. Functions run meanwhile.
const absence = 30 * time.Second

// wait waits until nothing is left of the container.
func (c *Container) wait(name string) shim.ExitReason {
	exit, lost := c.exit()
	reason := shim.NewExitReason(name, "container "+c.id, c.said())
	switch {
	case lost != nil:
		// Its function ends with the connection.
		_ = c.control.Close()
		reason.How = "is lost: " + lost.Error()
		return reason
	case exit == 0:
		reason.How, reason.OK = "exited with status 0", true
	case exit == 128+uint32(unix.SIGKILL):
		reason.How = shim.KilledOutright
	default:
		reason.How = fmt.Sprintf("exited with status %d", exit)
	}
	if err := c.Remove(); err != nil {
		reason.OK = false
		reason.How += "; " + err.Error()
	}
	return reason
}

// exit waits for the task's exit status. Lost is the reason where containerd does not know it.
func (c *Container) exit() (exit uint32, lost error) {
	var since time.Time
	for {
		ctx, cancel := within(context.Background(), 24*time.Hour)
		reply, err := tasks.NewTasksClient(c.connection).Wait(ctx, &tasks.WaitRequest{ContainerID: c.id})
		cancel()
		if err == nil {
			return reply.GetExitStatus(), nil
		}
		select {
		case <-c.life.Done():
			return 0, errors.New(c.howEnded())
		case <-time.After(100 * time.Millisecond):
		}
		if status.Code(err) != codes.Unavailable {
			return 0, fmt.Errorf("containerd does not know it: %w", err)
		}
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since) > absence {
			return 0, fmt.Errorf("containerd at %s does not answer: %w", c.address, err)
		}
	}
}

// said reads the output of a container without a pipe for it.
func (c *Container) said() *child.Tail {
	said := new(child.Tail)
	if text, err := os.ReadFile(c.log()); err == nil {
		_, _ = said.Write(text)
	}
	return said
}

func (c *Container) Kill() error {
	ctx, cancel := within(context.Background(), callDeadline)
	defer cancel()
	if _, err := tasks.NewTasksClient(c.connection).Kill(ctx, &tasks.KillRequest{ContainerID: c.id, Signal: uint32(unix.SIGKILL), All: true}); err != nil && c.control != nil {
		_ = c.control.Close()
	}
	return nil
}

// Remove removes what is left of the container, which may be nothing. All that it has written has then reached the pipe.
func (c *Container) Remove() error {
	if c.control != nil {
		_ = c.control.Close()
	}
	return errors.Join(removeContainer(c.instance, c.id), os.RemoveAll(c.log()), os.RemoveAll(c.path(c.id)))
}

func removeContainer(i *instance, id string) error {
	ctx, cancel := within(context.Background(), callDeadline)
	defer cancel()
	client := tasks.NewTasksClient(i.connection)
	if _, err := client.Kill(ctx, &tasks.KillRequest{ContainerID: id, Signal: uint32(unix.SIGKILL), All: true}); err == nil {
		_, _ = client.Wait(ctx, &tasks.WaitRequest{ContainerID: id})
	}
	_, task := client.Delete(ctx, &tasks.DeleteTaskRequest{ContainerID: id})
	_, record := containers.NewContainersClient(i.connection).Delete(ctx, &containers.DeleteContainerRequest{ID: id})
	_, snapshot := snapshots.NewSnapshotsClient(i.connection).Remove(ctx, &snapshots.RemoveSnapshotRequest{Snapshotter: i.snapshotter, Key: id})
	if err := errors.Join(unlessMissing(task), unlessMissing(record), unlessMissing(snapshot)); err != nil {
		return fmt.Errorf("remove it: %w", err)
	}
	return nil
}

// unlessMissing returns the error if it is not that something is missing.
func unlessMissing(err error) error {
	if status.Code(err) == codes.NotFound {
		return nil
	}
	return err
}

// Program is what a container runs that is no shim: a module under a runtime, or a native program under
// runc.
type Program struct {
	// Runtime is containerd's name of what runs modules; empty is this project's, with that Engine.
	Runtime, Engine string
	// Module is for WebAssembly, Native the path of a static program of the host.
	Module    []byte
	Native    string
	Name      string
	Arguments []string
	// HostNetwork gives it this host's network; otherwise it has one of its own.
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
	if p.Runtime != "" && p.Runtime != task.Runtime {
		// Containerd finds the program of io.containerd.NAME.vN by that name.
		words := strings.Split(p.Runtime, ".")
		words = words[max(len(words)-2, 0):]
		name := "containerd-shim-" + strings.Join(words, "-")
		if _, err := exec.LookPath(name); err != nil {
			remedy := "install it, or correct --containerd-runtime"
			switch words[0] {
			case "wasmtime", "wasmedge", "wasmer", "wamr":
				remedy = "cargo install " + name + ", or a release of https://github.com/containerd/runwasi"
			case "spin":
				remedy = "a release of https://github.com/spinframework/containerd-shim-spin"
			}
			return unavailable(name+" is not on PATH", remedy)
		}
	}
	return nil
}

// Ready starts containerd, if that has not been done, and imports a module's image into it.
func (s *Server) Ready(p Program) error {
	i, err := s.instance()
	if err == nil && p.Native == "" {
		_, err = i.unpacked(p)
	}
	return err
}

// CreateAlone creates a container with a program that is no shim, in namespaces of its own, which waits for Start.
// The caller takes each step of its life, and can measure it. Standard input and output are pipes of
// the caller's; without them there is no input, and Wait's error has the last line of the output. Ready imports the
// image of a module before.
func (s *Server) CreateAlone(ctx context.Context, p Program, stdin, stdout *os.File) (*Container, error) {
	i, err := s.instance()
	if err != nil {
		return nil, err
	}
	c := newContainer(i)
	c.stdin, c.stdout = pipePath(stdin), pipePath(stdout)
	runtime, snapshot := runcRuntime, ""
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
			// Other shims make a container like runc.
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

// pipePath names an open pipe of this process for others of this host; nil has no name.
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

// PID is the program's process number on this machine; a function's is that of the process that hosts it.
func (c *Container) PID() int { return c.pid }

// Used is the processor time of the container so far: of the program and of what has prepared it there, not of
// containerd and its shims. It is zero where the control group does not count it.
func (c *Container) Used() (used measure.Usage) {
	if cgroups.Mode() == cgroups.Unified {
		if group, err := cgroup2.Load(groupOf(c.id)); err == nil {
			stats, _ := group.StatFiltered(cgroup2.StatCPU)
			used.UserNs, used.KernelNs = 1e3*int64(stats.GetCPU().GetUserUsec()), 1e3*int64(stats.GetCPU().GetSystemUsec())
		}
		return used
	}
	var times [3]int64
	for i, name := range [...]string{"cpuacct.usage", "cpuacct.usage_user", "cpuacct.usage_sys"} {
		text, _ := os.ReadFile(filepath.Join("/sys/fs/cgroup/cpuacct", groupOf(c.id), name))
		times[i], _ = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	}
	// The sum is exact; in which mode a processor was is known by ticks, as it is of a process.
	total, ticks := times[0], times[1]+times[2]
	if ticks > 0 {
		used.KernelNs = int64(float64(total) * float64(times[2]) / float64(ticks))
	}
	used.UserNs = total - used.KernelNs
	return used
}

// Wait waits for the program's end. Its error describes an end with another status than 0.
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

// imageName is one that no other driver uses.
func (i *instance) imageName(name string) string {
	return strings.ToLower(filepath.Base(i.directory.Path)) + "-" + name
}
