// Package task is the containerd shim: it answers containerd's Task API (runtime v2) for
// WebAssembly functions, which run in host processes (rrbench/shim/containerd/host), a lone one in its own and
// those of a pod in one. One shim serves a namespace of a containerd.
package task

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	eventtypes "github.com/containerd/containerd/api/events"
	taskapi "github.com/containerd/containerd/api/runtime/task/v2"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// service has the functions of one namespace of a containerd.
type service struct {
	program, namespace, containerd string
	events                         *publisher
	// idle is called when nothing is left to serve.
	idle func()

	lock      sync.Mutex
	functions map[string]*function
	hosts     map[string]*host // of pods
	// reserved are containers that a start of this program has announced and that are not yet created, or that
	// are deleted but not yet shut down. There may be one of either kind by one name.
	reserved map[string][]*time.Timer
}

type function struct {
	*taskapi.CreateTaskRequest
	host   *host
	status tasktypes.Status
	exit   uint32
	at     time.Time
	// prepared is closed when the host is ready to start it; fault is why it cannot.
	prepared chan struct{}
	fault    string
	// signal is the last that was to end a function of a pod.
	signal uint32
	// ended is closed when the status is STOPPED.
	ended chan struct{}
}

// reservation is how long an announced container may take to be created.
const reservation = 10 * time.Second

func (s *service) reserve(id string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.reserved[id] = append(s.reserved[id], time.AfterFunc(reservation, func() { s.release(id) }))
}

func (s *service) release(id string) {
	s.lock.Lock()
	if timers := s.reserved[id]; len(timers) > 0 {
		timers[0].Stop()
		if s.reserved[id] = timers[1:]; len(timers) == 1 {
			delete(s.reserved, id)
		}
	}
	s.lock.Unlock()
	s.idle()
}

func (s *service) unused() bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	return len(s.functions)+len(s.reserved) == 0
}

// find finds the function of a request, and its status. It refuses requests for a process beside it.
func (s *service) find(r interface{ GetID() string }) (*function, tasktypes.Status, error) {
	if r, ok := r.(interface{ GetExecID() string }); ok && r.GetExecID() != "" {
		return nil, 0, noExec(r.GetExecID())
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if f := s.functions[r.GetID()]; f != nil {
		return f, f.status, nil
	}
	return nil, 0, fmt.Errorf("container %s: %w", r.GetID(), errdefs.ErrNotFound)
}

// Create makes a function and waits until it is ready to start, so that a faulty module is an error of this call,
// after which containerd cleans up.
func (s *service) Create(ctx context.Context, r *taskapi.CreateTaskRequest) (_ *taskapi.CreateTaskResponse, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("roadrunner: %w", err)
		}
	}()
	spec, err := readSpec(r.GetBundle())
	if err != nil {
		return nil, err
	}
	switch {
	case spec.Process == nil || len(spec.Process.Args) == 0:
		return nil, errors.New("the container has no arguments: its image needs an entrypoint")
	case spec.Linux == nil || spec.Linux.CgroupsPath == "":
		return nil, errors.New("the container has no control group")
	case r.GetTerminal():
		return nil, errors.New("a function has no terminal: leave --tty out")
	case r.GetCheckpoint() != "":
		return nil, errors.New("a function cannot be restored from a checkpoint")
	}
	order, err := readFunction(r.GetID(), spec, r.GetOptions())
	if err != nil {
		return nil, err
	}
	root := "rootfs"
	if spec.Root != nil {
		root = spec.Root.Path
	}
	if !filepath.IsAbs(root) {
		root = filepath.Join(r.GetBundle(), root)
	}
	directories, err := layers(r.GetRootfs(), root)
	if err != nil {
		return nil, err
	}
	module, err := openModule(directories, spec.Process.Args[0])
	if err != nil {
		return nil, err
	}
	files := []*os.File{module}
	defer func() {
		for _, file := range files {
			_ = file.Close()
		}
	}()
	f := &function{CreateTaskRequest: r, status: tasktypes.Status_CREATED, prepared: make(chan struct{}), ended: make(chan struct{})}
	streams, err := f.openStreams()
	files = append(files, streams...)
	if err != nil {
		return nil, err
	}
	if order.Control {
		listener, err := listen(ControlSocket(s.containerd, s.namespace, f.ID), order.Driver)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen for the driver: %w", err), s.removeControl(f))
		}
		files = append(files, listener)
	}
	if err := s.place(f, spec, spec.Annotations[sandboxAnnotation]); err != nil {
		return nil, errors.Join(err, s.removeControl(f))
	}
	err = f.host.send(Order{Create: order}, files...)
	if err == nil {
		err = f.prepare(ctx)
	}
	if err != nil {
		s.lock.Lock()
		delete(s.functions, f.ID)
		s.lock.Unlock()
		s.end(f, killed)
		return nil, errors.Join(err, s.cleanUp(f))
	}
	s.release(f.ID)
	s.events.publish("/tasks/create", &eventtypes.TaskCreate{ContainerID: f.ID, Bundle: f.Bundle, Rootfs: f.Rootfs, Pid: f.pid(),
		IO: &eventtypes.TaskIO{Stdin: f.Stdin, Stdout: f.Stdout, Stderr: f.Stderr}})
	return &taskapi.CreateTaskResponse{Pid: f.pid()}, nil
}

func (f *function) prepare(ctx context.Context) error {
	select {
	case <-f.prepared:
		if f.fault != "" {
			return fmt.Errorf("%s: %w", f.fault, errdefs.ErrInvalidArgument)
		}
		return nil
	case <-f.ended:
		if f.host.oom {
			return errors.New("the container's memory does not suffice to make the function: raise its limit")
		}
		return fmt.Errorf("the function's host ended with status %d while it made the function", f.exit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// place assigns a host to the function: that of its pod, or a new one.
func (s *service) place(f *function, spec *specs.Spec, pod string) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.functions[f.ID] != nil {
		return fmt.Errorf("container %s: %w", f.ID, errdefs.ErrAlreadyExists)
	}
	h := s.hosts[pod]
	if pod != "" && h != nil {
		if user := spec.Process.User; user.UID != h.user.UID || user.GID != h.user.GID || !slices.Equal(user.AdditionalGids, h.user.AdditionalGids) {
			return fmt.Errorf("functions of one pod share a process, which runs as user %d:%d: give the same", h.user.UID, h.user.GID)
		}
	} else {
		path, limits := spec.Linux.CgroupsPath, spec.Linux.Resources
		if pod != "" {
			// Beside the containers' groups, since a group with subgroups can have no processes.
			path, limits = filepath.Join(filepath.Dir(path), "roadrunner-"+pod), nil
		}
		g, err := newGroup(path, limits)
		if err != nil {
			return err
		}
		if h, err = startHost(s.program, spec, g, pod); err != nil {
			return errors.Join(err, g.Delete())
		}
		if pod != "" {
			s.hosts[pod] = h
		}
		go s.listen(h)
	}
	f.host = h
	h.functions[f.ID], s.functions[f.ID] = f, f
	return nil
}

// listen handles a host's events, and ends its functions when the host has ended.
func (s *service) listen(h *host) {
	buffer := make([]byte, 64<<10)
	for {
		var event Event
		if _, err := Receive(h.connection, buffer, &event); err != nil {
			break
		}
		s.lock.Lock()
		f := h.functions[event.ID]
		if f != nil && !event.Ended {
			f.fault = event.Fault
			close(f.prepared)
		}
		s.lock.Unlock()
		if f != nil && event.Ended {
			s.end(f, event.Status)
		}
	}
	<-h.ended
	s.lock.Lock()
	functions := slices.Collect(maps.Values(h.functions))
	s.lock.Unlock()
	for _, f := range functions {
		if h.oom {
			s.events.publish("/tasks/oom", &eventtypes.TaskOOM{ContainerID: f.ID})
		}
		s.end(f, h.status)
	}
}

// killed is the status of a function that was ended by force.
const killed = 128 + uint32(syscall.SIGKILL)

// end records the end of a function. A host without functions ends as well.
func (s *service) end(f *function, status uint32) {
	s.lock.Lock()
	if f.status == tasktypes.Status_STOPPED {
		s.lock.Unlock()
		return
	}
	if status == killed && f.signal != 0 {
		status = 128 + f.signal
	}
	f.status, f.exit, f.at = tasktypes.Status_STOPPED, status, time.Now()
	h := f.host
	_, there := h.functions[f.ID]
	delete(h.functions, f.ID)
	last := there && len(h.functions) == 0
	if last && s.hosts[h.pod] == h {
		delete(s.hosts, h.pod)
	}
	s.lock.Unlock()
	if last {
		// Delete removes the group.
		h.kill()
		<-h.ended
	}
	close(f.ended)
	s.events.publish("/tasks/exit", &eventtypes.TaskExit{ContainerID: f.ID, ID: f.ID, Pid: f.pid(), ExitStatus: status, ExitedAt: timestamppb.New(f.at)})
}

func (f *function) pid() uint32 { return uint32(f.host.process.Pid) }

func (s *service) Start(_ context.Context, r *taskapi.StartRequest) (*taskapi.StartResponse, error) {
	f, _, err := s.find(r)
	if err != nil {
		return nil, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if f.status != tasktypes.Status_CREATED {
		return nil, fmt.Errorf("the function was started: %w", errdefs.ErrFailedPrecondition)
	}
	// Before the order, after which the function may exit at once.
	f.status = tasktypes.Status_RUNNING
	s.events.publish("/tasks/start", &eventtypes.TaskStart{ContainerID: f.ID, Pid: f.pid()})
	if err := f.host.send(Order{Start: f.ID}); err != nil {
		return nil, err
	}
	return &taskapi.StartResponse{Pid: f.pid()}, nil
}

// grace is how long a function of a pod that waits for something may take to end, before the others end with it. On a
// busy machine it needs a while to run at all.
const grace = time.Second

func (s *service) Kill(_ context.Context, r *taskapi.KillRequest) (*emptypb.Empty, error) {
	f, status, err := s.find(r)
	if err != nil {
		return nil, err
	}
	if status == tasktypes.Status_STOPPED {
		return nil, fmt.Errorf("process already finished: %w", errdefs.ErrNotFound)
	}
	signal := syscall.Signal(r.GetSignal())
	switch {
	case f.host.pod == "":
		if err := f.host.process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return nil, err
		}
		if signal == syscall.SIGKILL {
			_ = f.host.group.Thaw() // a frozen process does not die
		}
	case !slices.Contains([]syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP}, signal):
	case status == tasktypes.Status_CREATED:
		s.end(f, 128+r.GetSignal())
	default:
		s.lock.Lock()
		f.signal = r.GetSignal()
		s.lock.Unlock()
		// No engine interrupts a function that computes: its process is killed instead.
		_ = f.host.send(Order{End: f.ID})
		go func() {
			select {
			case <-f.ended:
			case <-time.After(grace):
				f.host.kill()
			}
		}()
	}
	return &emptypb.Empty{}, nil
}

func (s *service) Wait(ctx context.Context, r *taskapi.WaitRequest) (*taskapi.WaitResponse, error) {
	f, _, err := s.find(r)
	if err != nil {
		return nil, err
	}
	select {
	case <-f.ended:
		return &taskapi.WaitResponse{ExitStatus: f.exit, ExitedAt: timestamppb.New(f.at)}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *service) State(_ context.Context, r *taskapi.StateRequest) (*taskapi.StateResponse, error) {
	f, _, err := s.find(r)
	if err != nil {
		return nil, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	state := &taskapi.StateResponse{ID: f.ID, Bundle: f.Bundle, Pid: f.pid(), Status: f.status, Stdin: f.Stdin, Stdout: f.Stdout, Stderr: f.Stderr, ExitStatus: f.exit}
	if f.status == tasktypes.Status_STOPPED {
		state.ExitedAt = timestamppb.New(f.at)
	}
	return state, nil
}

func (s *service) Delete(_ context.Context, r *taskapi.DeleteRequest) (*taskapi.DeleteResponse, error) {
	f, status, err := s.find(r)
	if err != nil {
		return nil, err
	}
	if status == tasktypes.Status_RUNNING || status == tasktypes.Status_PAUSED {
		return nil, fmt.Errorf("the function runs: %w", errdefs.ErrFailedPrecondition)
	}
	// The shim must stay until this has been answered: Shutdown comes next.
	s.reserve(f.ID)
	s.lock.Lock()
	delete(s.functions, f.ID)
	s.lock.Unlock()
	s.end(f, killed)
	if err := s.cleanUp(f); err != nil {
		fmt.Fprintln(os.Stderr, "roadrunner: clean up", f.ID+":", err)
	}
	exited := timestamppb.New(f.at)
	s.events.publish("/tasks/delete", &eventtypes.TaskDelete{ContainerID: f.ID, Pid: f.pid(), ExitStatus: f.exit, ExitedAt: exited})
	return &taskapi.DeleteResponse{Pid: f.pid(), ExitStatus: f.exit, ExitedAt: exited}, nil
}

// cleanUp removes what is left of a function that was deleted, and its host if that has no other function, running
// or ended.
func (s *service) cleanUp(f *function) error {
	err := s.removeControl(f)
	s.lock.Lock()
	for _, other := range s.functions {
		if other.host == f.host {
			s.lock.Unlock()
			return err
		}
	}
	s.lock.Unlock()
	return errors.Join(err, f.host.close())
}

func (s *service) Pids(_ context.Context, r *taskapi.PidsRequest) (*taskapi.PidsResponse, error) {
	f, _, err := s.find(r)
	if err != nil {
		return nil, err
	}
	return &taskapi.PidsResponse{Processes: []*tasktypes.ProcessInfo{{Pid: f.pid()}}}, nil
}

// Connect returns the process numbers of the shim and of a container. It reserves a container that does not exist.
func (s *service) Connect(_ context.Context, r *taskapi.ConnectRequest) (*taskapi.ConnectResponse, error) {
	reply := &taskapi.ConnectResponse{ShimPid: uint32(os.Getpid())}
	s.lock.Lock()
	f := s.functions[r.GetID()]
	if f != nil {
		reply.TaskPid = f.pid()
	}
	s.lock.Unlock()
	if f == nil {
		s.reserve(r.GetID())
	}
	return reply, nil
}

// Shutdown ends the shim if nothing is left. Containerd calls it, too, where a container could not be created: that
// will not come any more.
func (s *service) Shutdown(_ context.Context, r *taskapi.ShutdownRequest) (*emptypb.Empty, error) {
	s.release(r.GetID())
	return &emptypb.Empty{}, nil
}

func (s *service) Stats(_ context.Context, r *taskapi.StatsRequest) (*taskapi.StatsResponse, error) {
	f, _, err := s.find(r)
	if err != nil {
		return nil, err
	}
	stats, err := f.host.group.stats()
	if err != nil {
		return nil, err
	}
	encoded, err := typeurl.MarshalAnyToProto(stats)
	return &taskapi.StatsResponse{Stats: encoded}, err
}

func (s *service) Pause(_ context.Context, r *taskapi.PauseRequest) (*emptypb.Empty, error) {
	return s.freeze(r, group.Freeze, tasktypes.Status_RUNNING, tasktypes.Status_PAUSED, "/tasks/paused", &eventtypes.TaskPaused{ContainerID: r.GetID()})
}

func (s *service) Resume(_ context.Context, r *taskapi.ResumeRequest) (*emptypb.Empty, error) {
	return s.freeze(r, group.Thaw, tasktypes.Status_PAUSED, tasktypes.Status_RUNNING, "/tasks/resumed", &eventtypes.TaskResumed{ContainerID: r.GetID()})
}

// freeze pauses or resumes a lone function.
func (s *service) freeze(r interface{ GetID() string }, change func(group) error, from, to tasktypes.Status, topic string, event any) (*emptypb.Empty, error) {
	f, _, err := s.find(r)
	if err != nil {
		return nil, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if f.status != from {
		return nil, fmt.Errorf("the function is %s: %w", f.status, errdefs.ErrFailedPrecondition)
	}
	if f.host.pod != "" {
		return nil, fmt.Errorf("functions of one pod share a process, which would be paused with all: %w", errdefs.ErrNotImplemented)
	}
	if err := change(f.host.group); err != nil {
		return nil, err
	}
	f.status = to
	s.events.publish(topic, event)
	return &emptypb.Empty{}, nil
}

// CloseIO does nothing: the client is the only writer of standard input.
func (s *service) CloseIO(context.Context, *taskapi.CloseIORequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (s *service) Update(_ context.Context, r *taskapi.UpdateTaskRequest) (*emptypb.Empty, error) {
	f, _, err := s.find(r)
	if err != nil {
		return nil, err
	}
	if f.host.pod != "" {
		return nil, fmt.Errorf("functions of one pod share a control group, which is the pod's: %w", errdefs.ErrNotImplemented)
	}
	var limits specs.LinuxResources
	if err := json.Unmarshal(r.GetResources().GetValue(), &limits); err != nil {
		return nil, fmt.Errorf("%w: %w", errdefs.ErrInvalidArgument, err)
	}
	return &emptypb.Empty{}, f.host.group.update(&limits)
}

func (s *service) Exec(context.Context, *taskapi.ExecProcessRequest) (*emptypb.Empty, error) {
	return nil, noExec("a process")
}

func noExec(id string) error {
	return fmt.Errorf("exec %s: a WebAssembly function has no other program beside it to run: %w", id, errdefs.ErrNotImplemented)
}

func (s *service) Checkpoint(context.Context, *taskapi.CheckpointTaskRequest) (*emptypb.Empty, error) {
	return nil, fmt.Errorf("a function cannot be checkpointed: %w", errdefs.ErrNotImplemented)
}

func (s *service) ResizePty(context.Context, *taskapi.ResizePtyRequest) (*emptypb.Empty, error) {
	return nil, fmt.Errorf("a function has no terminal: %w", errdefs.ErrNotImplemented)
}

// openStreams opens standard input, output and error for the host.
func (f *function) openStreams() (files []*os.File, err error) {
	for i, path := range []string{f.Stdin, f.Stdout, f.Stderr} {
		// A pipe that is open for reading too never breaks: a client may go and return.
		flags := os.O_RDWR
		if i == 0 {
			// It does not wait for a writer: the host does so when it reads.
			flags = os.O_RDONLY | unix.O_NONBLOCK
		}
		if name, isFile := strings.CutPrefix(path, "file://"); isFile {
			path, flags = name, flags|os.O_CREATE|os.O_APPEND
		}
		file, err := os.OpenFile(cmp.Or(path, os.DevNull), flags, 0o600)
		if err != nil {
			return files, fmt.Errorf("open the standard streams: %w", err)
		}
		files = append(files, file)
	}
	return files, nil
}

// removeControl removes the function's control socket, if it has one.
func (s *service) removeControl(f *function) error {
	if err := unix.Unlink(ControlSocket(s.containerd, s.namespace, f.ID)); !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}
