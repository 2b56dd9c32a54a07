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

// Container is a container of containerd. One whose only process is a shim ends when its control connection
// closes, which the kernel does for a driver that dies.
type Container struct {
	*instance
	id string
	// stdin and stdout are pipes; without them there is no input, and the log has the output.
	stdin, stdout string
	pid           int
	connection    net.Conn
}

func newContainer(i *instance) *Container {
	return &Container{instance: i, id: fmt.Sprintf("%s-%d", filepath.Base(i.directory.Path), i.containers.Add(1))}
}

// startFunction starts a container by this project's runtime, which hosts functions for a driver.
func (c *Container) startFunction(ctx context.Context, namespace string) error {
	parent, err := c.unpacked(Program{Name: function})
	if err != nil {
		return err
	}
	spec := moduleSpec(function)
	spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.NetworkNamespace, Path: namespace}}
	spec.Annotations = map[string]string{task.ControlAnnotation: strconv.Itoa(os.Getuid())}
	if err := c.create(ctx, task.Runtime, image.Reference(c.imageName(function)), parent, spec); err != nil {
		return err
	}
	var dialer net.Dialer
	if c.connection, err = dialer.DialContext(ctx, "unix", task.ControlSocket(c.address, Namespace, c.id)); err != nil {
		return fmt.Errorf("reach its functions: %w", err)
	}
	return nil
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
	if c.connection, err = listener.Accept(); err != nil {
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
	_, err = containers.NewContainersClient(c.instance.connection).Create(ctx, &containers.CreateContainerRequest{Container: &containers.Container{
		ID: c.id, Image: image, Runtime: &containers.Container_Runtime{Name: runtime}, Spec: &anypb.Any{TypeUrl: specType, Value: text},
		Snapshotter: c.snapshotter, SnapshotKey: c.id,
	}})
	if err != nil {
		return fmt.Errorf("create it: %w", err)
	}
	prepared, err := snapshots.NewSnapshotsClient(c.instance.connection).Prepare(ctx, &snapshots.PrepareSnapshotRequest{Snapshotter: c.snapshotter, Key: c.id, Parent: parent})
	if err != nil {
		return fmt.Errorf("prepare its file system: %w", err)
	}
	output := "file://" + c.log()
	said := output
	if c.stdout != "" {
		output = c.stdout
		if runtime != task.Runtime {
			// Theirs take two pipes or two files: what goes wrong there spoils the output.
			said = output
		}
	}
	created, err := tasks.NewTasksClient(c.instance.connection).Create(ctx, &tasks.CreateTaskRequest{ContainerID: c.id, Rootfs: prepared.GetMounts(), Stdin: c.stdin, Stdout: output, Stderr: said})
	if err != nil {
		return fmt.Errorf("create its task: %w", err)
	}
	c.pid = int(created.GetPid())
	return nil
}

// groupOf is a container's control group: beside this process' own, so that neither's limits and counts touch the other's.
func groupOf(id string) string { return "/" + id }

func (c *Container) Start(ctx context.Context) error {
	ctx, cancel := within(ctx, startDeadline)
	defer cancel()
	if _, err := tasks.NewTasksClient(c.instance.connection).Start(ctx, &tasks.StartRequest{ContainerID: c.id}); err != nil {
		return fmt.Errorf("start it: %w", err)
	}
	return nil
}

func (c *Container) log() string { return c.path(c.id + ".log") }

// absence is how long a containerd may be away that was there before this process: while it starts
// anew, for example. Functions run meanwhile.
const absence = 30 * time.Second

// wait waits until nothing is left of the container.
func (c *Container) wait(name string) shim.ExitReason {
	exit, lost := c.exit()
	reason := shim.NewExitReason(name, "container "+c.id, c.said())
	switch {
	case lost != nil:
		// Its function ends with the connection.
		_ = c.connection.Close()
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

// exit waits for the task's exit status. Lost says that containerd cannot tell.
func (c *Container) exit() (exit uint32, lost error) {
	var since time.Time
	for {
		ctx, cancel := within(context.Background(), 24*time.Hour)
		reply, err := tasks.NewTasksClient(c.instance.connection).Wait(ctx, &tasks.WaitRequest{ContainerID: c.id})
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

// said is the output of a container without a pipe for it.
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
	if _, err := tasks.NewTasksClient(c.instance.connection).Kill(ctx, &tasks.KillRequest{ContainerID: c.id, Signal: uint32(unix.SIGKILL), All: true}); err != nil && c.connection != nil {
		_ = c.connection.Close()
	}
	return nil
}

// Remove removes whatever there still is of the container. What it has written has then reached the pipe. That
// nothing is there is no error.
func (c *Container) Remove() error {
	if c.connection != nil {
		_ = c.connection.Close()
	}
	err := removeContainer(c.instance, c.id)
	return errors.Join(err, os.RemoveAll(c.log()), os.RemoveAll(c.path(c.id)))
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
	if err := errors.Join(missing(task), missing(record), missing(snapshot)); err != nil {
		return fmt.Errorf("remove it: %w", err)
	}
	return nil
}

// missing is the error but for that of what is not there.
func missing(err error) error {
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
