// Package containerd starts shims in containers of containerd: functions in WebAssembly under this
// project's own runtime (rrbench/shim/containerd/task), native ones under runc.
package containerd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/containerd/containerd/api/services/version/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"

	"rrbench/child"
	"rrbench/image"
	"rrbench/private"
	"rrbench/shim"
	"rrbench/transport"
	"rrbench/workloads"
)

// Namespace is containerd's namespace of all that this package makes.
const Namespace = "rrbench"

// prefix begins the name of everything that this package makes on a machine.
const prefix = "rrbench-containerd-"

const (
	startDeadline = 20 * time.Second
	stopDeadline  = 5 * time.Second
	callDeadline  = 10 * time.Second
)

// Server is the containerd that starts shims: the machine's, or one of its own, which is started when it is
// needed, and again when it has ended.
type Server struct {
	// socket is that of the machine's, else empty.
	socket string
	// shim is the path of the runtime shim; empty is the one beside this program.
	shim string

	lock    sync.Mutex
	current *instance
}

// NewServer makes a Server. Without a socket it starts a containerd of its own, which Close ends.
func NewServer(socket string) *Server { return &Server{socket: socket} }

// Close ends what was started, and removes what was made.
func (s *Server) Close() error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.current == nil {
		return nil
	}
	err := s.current.close()
	s.current = nil
	return err
}

// instance returns the containerd that runs.
func (s *Server) instance() (*instance, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.current != nil {
		if s.current.life.Err() == nil {
			return s.current, nil
		}
		// The rows of the containers that it had started have the reason.
		_ = s.current.close()
	}
	cleanOnce()
	var err error
	s.current, err = s.start()
	return s.current, err
}

// cleanOnce removes what killed runs have left behind, once in this process. What cannot be removed does
// not prevent a measurement; rrbench doctor names it.
var cleanOnce = sync.OnceFunc(func() { _ = Clean() })

// instance is a containerd, and a directory that stays locked while this process lives.
type instance struct {
	directory  *private.Directory
	address    string
	connection *grpc.ClientConn
	// daemon is nil for the machine's containerd. life is over when the daemon has ended.
	daemon      *child.Daemon
	life        context.Context
	snapshotter string
	containers  atomic.Int64
	// snapshots are the snapshotter's names of images' file systems, by the modules' names. lock guards them.
	lock      sync.Mutex
	snapshots map[string]string
}

// socketFile has, in an instance's directory, the socket of the machine's containerd.
const socketFile = "socket"

func (s *Server) start() (_ *instance, err error) {
	directory, err := private.NewDirectory(os.TempDir(), prefix)
	if err != nil {
		return nil, fmt.Errorf("make a directory for containerd: %w", err)
	}
	i := &instance{directory: directory, life: context.Background(), address: s.socket, snapshots: make(map[string]string)}
	defer func() {
		if err != nil {
			err = errors.Join(err, i.close())
		}
	}()
	if s.socket == "" {
		i.address = i.path("containerd.sock")
		if err := i.run(s); err != nil {
			return nil, err
		}
	} else if err := os.WriteFile(i.path(socketFile), []byte(s.socket), 0o600); err != nil {
		return nil, err
	}
	i.connection, err = dial(i.address)
	if err != nil {
		return nil, err
	}
	if err := i.answers(); err != nil {
		return nil, err
	}
	module, err := workloads.Guest(workloads.Guests()[0])
	if err == nil {
		_, err = i.unpacked(Program{Name: function, Module: module})
	}
	if err != nil {
		return nil, err
	}
	return i, nil
}

func (i *instance) path(name string) string { return filepath.Join(i.directory.Path, name) }

// configuration keeps containerd to one directory, without what only Kubernetes needs.
const configuration = `version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = %q
[ttrpc]
  address = %q
`

// run starts a containerd that dies with this process.
func (i *instance) run(s *Server) error {
	text := fmt.Sprintf(configuration, i.path("root"), i.path(stateDirectory), i.address, i.address+".ttrpc")
	if err := os.WriteFile(i.path("config.toml"), []byte(text), 0o600); err != nil {
		return err
	}
	path, err := exec.LookPath("containerd")
	if err != nil {
		return err
	}
	shims, err := s.shimProgram()
	if err != nil {
		return err
	}
	daemon := exec.Command(path, "--config", i.path("config.toml"))
	daemon.Env = []string{"PATH=" + filepath.Dir(shims) + ":" + os.Getenv("PATH") + ":/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, name := range []string{"HOME", "XDG_CACHE_HOME"} {
		if value, there := os.LookupEnv(name); there {
			daemon.Env = append(daemon.Env, name+"="+value)
		}
	}
	// Shims keep its output open.
	daemon.WaitDelay = time.Second
	// A Ctrl-C at the terminal is for the driver alone: it ends its containers in order.
	daemon.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if i.daemon, err = child.StartDaemon(daemon); err != nil {
		return fmt.Errorf("start containerd: %w", err)
	}
	i.life = i.daemon.Life
	return nil
}

// howEnded describes how the daemon ended.
func (i *instance) howEnded() string {
	text := fmt.Sprintf("containerd (process %d) was %s", i.daemon.Process.Pid, shim.HowEnded(i.daemon.ProcessState, nil))
	if line, _ := i.daemon.Said.Said(); line != "" && !i.daemon.ProcessState.Success() && i.daemon.ProcessState.Exited() {
		text += ": " + line
	}
	return text
}

func dial(address string) (*grpc.ClientConn, error) {
	// A containerd that starts answers in less than the second that gRPC pauses by default.
	often := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.5, MaxDelay: time.Second}, MinConnectTimeout: startDeadline}
	connection, err := grpc.NewClient("unix://"+address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(), grpc.WithConnectParams(often))
	if err != nil {
		return nil, fmt.Errorf("reach containerd: %w", err)
	}
	return connection, nil
}

// within bounds a call, and names the namespace.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(metadata.AppendToOutgoingContext(ctx, "containerd-namespace", Namespace), limit)
}

// answers waits until containerd does.
func (i *instance) answers() error {
	ctx, cancel := within(context.Background(), startDeadline)
	defer cancel()
	defer context.AfterFunc(i.life, cancel)()
	_, err := version.NewVersionClient(i.connection).Version(ctx, &emptypb.Empty{}, grpc.WaitForReady(i.daemon != nil))
	switch {
	case i.life.Err() != nil:
		_, all := i.daemon.Said.Said()
		return fmt.Errorf("start containerd: %s (%s)", i.howEnded(), child.LastLine(all))
	case err != nil:
		return fmt.Errorf("containerd at %s does not answer: %w", i.address, err)
	}
	return nil
}

// function is what the image's module is called.
const function = "function"

// importImage imports and unpacks an image of a module into containerd, and returns the snapshot of its file system.
// The snapshotter is overlayfs, or native where overlayfs does not work.
func (i *instance) importImage(name string, module []byte) (snapshot string, err error) {
	var archive bytes.Buffer
	if snapshot, err = image.Write(&archive, image.Plain, name, i.imageName(name), module); err != nil {
		return "", err
	}
	path := i.path(name + ".tar")
	if err := os.WriteFile(path, archive.Bytes(), 0o600); err != nil {
		return "", err
	}
	snapshotters := []string{"overlayfs", "native"}
	if i.snapshotter != "" {
		snapshotters = []string{i.snapshotter}
	}
	var errs []error
	for _, i.snapshotter = range snapshotters {
		ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
		command := exec.CommandContext(ctx, "ctr", "--address", i.address, "--namespace", Namespace, "images", "import", "--snapshotter", i.snapshotter, path)
		output, err := command.CombinedOutput()
		cancel()
		if err == nil {
			return snapshot, nil
		}
		errs = append(errs, fmt.Errorf("import an image (%s): %w: %s", i.snapshotter, err, child.LastLine(string(output))))
	}
	return "", errors.Join(errs...)
}

// close ends the daemon, if there is one, and removes all that this instance has made.
func (i *instance) close() error {
	if i.connection != nil {
		_ = i.connection.Close()
	}
	if i.daemon != nil {
		_ = i.daemon.Process.Signal(syscall.SIGTERM)
		select {
		case <-i.life.Done():
		case <-time.After(stopDeadline):
			i.daemon.Kill()
		}
	}
	return remove(i.directory)
}

// shimProgram is the runtime shim that was built with this program.
func (s *Server) shimProgram() (string, error) {
	if s.shim != "" {
		return s.shim, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(self), "containerd-shim-roadrunner-v1")
	if _, err := os.Stat(path); err != nil {
		return "", unavailable("containerd-shim-roadrunner-v1 is not beside "+self, "make build")
	}
	return path, nil
}

func unavailable(reason, remedy string) error {
	return &transport.Unavailable{Transport: "under containerd", Reason: reason, Remedy: remedy}
}
