package task

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v2"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/ttrpc"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Runtime is the name by which containerd finds the shim.
const Runtime = "io.containerd.roadrunner.v1"

// runcShim is containerd's own, for containers that are no functions.
const runcShim = "containerd-shim-runc-v2"

// SocketDirectory has the sockets of shims, and those at which drivers control functions.
const SocketDirectory = "/run/rrbench"

// ControlSocket is where a driver reaches the functions of a container with ControlAnnotation, given
// the address of its containerd. Only root and the driver's user may connect.
func ControlSocket(containerd, namespace, id string) string {
	return socket("control", containerd, namespace, id)
}

// ShimSocket is where containerd reaches the shim of a namespace.
func ShimSocket(containerd, namespace string) string { return socket("shim", containerd, namespace) }

func socket(kind string, names ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(names, "\x00")))
	return fmt.Sprintf("%s/%s-%x", SocketDirectory, kind, sum[:16])
}

// invocation has the arguments of containerd's command line.
type invocation struct {
	namespace, id, address, bundle string
}

// Main is the whole program; see
// https://github.com/containerd/containerd/blob/main/core/runtime/v2/README.md
func Main(version string, arguments []string) error {
	var i invocation
	var showVersion, info bool
	flags := flag.NewFlagSet("containerd-shim-roadrunner-v1", flag.ContinueOnError)
	flags.StringVar(&i.namespace, "namespace", "", "namespace of the container")
	flags.StringVar(&i.id, "id", "", "id of the container")
	flags.StringVar(&i.address, "address", "", "containerd's socket")
	flags.StringVar(&i.bundle, "bundle", "", "directory of the container")
	flags.String("publish-binary", "", "not used: events go to containerd's socket")
	flags.Bool("debug", false, "not used")
	flags.BoolVar(&showVersion, "v", false, "print the version")
	flags.BoolVar(&info, "info", false, "print what containerd 2 asks of a runtime")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	switch {
	case showVersion:
		fmt.Println("containerd-shim-roadrunner-v1", version)
		return nil
	case info:
		return print(&types.RuntimeInfo{Name: Runtime, Version: &types.RuntimeVersion{Version: version}})
	}
	switch flags.Arg(0) {
	case "start":
		return i.start(arguments)
	case "delete":
		return i.delete(arguments)
	case "serve":
		return i.serve()
	}
	return errors.New("this program runs functions for containerd, which starts it by itself: ctr run --runtime " + Runtime)
}

func print(message proto.Message) error {
	encoded, err := proto.Marshal(message)
	if err == nil {
		_, err = os.Stdout.Write(encoded)
	}
	return err
}

func readSpec(bundle string) (*specs.Spec, error) {
	var spec specs.Spec
	text, err := os.ReadFile(filepath.Join(bundle, "config.json"))
	if err == nil {
		err = json.Unmarshal(text, &spec)
	}
	if err != nil {
		return nil, fmt.Errorf("read the container's configuration: %w", err)
	}
	return &spec, nil
}

// isFunction reports whether a container is a WebAssembly function. It goes by the name, since the container
// has no file system yet when a shim is started.
func isFunction(spec *specs.Spec) bool {
	return spec.Annotations[containerAnnotation] != "sandbox" &&
		spec.Process != nil && len(spec.Process.Args) > 0 && strings.HasSuffix(spec.Process.Args[0], ".wasm")
}

// passOn replaces this program by containerd's own shim.
func passOn(arguments []string) error {
	path, err := exec.LookPath(runcShim)
	if err != nil {
		return fmt.Errorf("the container is no WebAssembly function, and its shim is not there: %w", err)
	}
	return unix.Exec(path, append([]string{runcShim}, arguments...), os.Environ())
}

// start prints the address of the container's shim, which is that of its namespace.
func (i invocation) start(arguments []string) error {
	spec, err := readSpec(".")
	if err != nil {
		return err
	}
	if !isFunction(spec) {
		return passOn(arguments)
	}
	unlock, err := lockSockets()
	if err != nil {
		return err
	}
	defer unlock()
	path := ShimSocket(i.address, i.namespace)
	if announce(path, i.id) != nil {
		if err := i.spawn(path); err != nil {
			return fmt.Errorf("start the shim: %w", err)
		}
	}
	address := "unix://" + path
	// Containerd 1.6 finds the shim by this file after a restart.
	if err := os.WriteFile("address", []byte(address), 0o600); err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(address)
	return err
}

// lockSockets makes the directory of sockets, and waits for others that start or end a shim.
func lockSockets() (unlock func(), err error) {
	if err := os.MkdirAll(SocketDirectory, 0o711); err != nil {
		return nil, err
	}
	directory, err := os.Open(SocketDirectory)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(directory.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(err, directory.Close())
	}
	return func() { _ = directory.Close() }, nil
}

// announce reserves a container at the shim that serves already.
func announce(path, id string) error {
	connection, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return err
	}
	client := ttrpc.NewClient(connection)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err = taskapi.NewTTRPCTaskClient(client).Connect(ctx, &taskapi.ConnectRequest{ID: id})
	return err
}

func (i invocation) spawn(path string) error {
	if err := unix.Unlink(path); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	file, err := listen(path, uint32(os.Geteuid()))
	if err != nil {
		return err
	}
	command := exec.Command("/proc/self/exe", "-namespace", i.namespace, "-id", i.id, "-address", i.address, "serve")
	command.Args[0] = os.Args[0]
	command.ExtraFiles = []*os.File{file}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return command.Start()
}

// listen makes a socket to which, besides root, one user may connect.
func listen(path string, user uint32) (*os.File, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	listener.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(path, 0o600), os.Chown(path, int(user), -1)); err != nil {
		return nil, err
	}
	return listener.File()
}

// serve answers containerd until the last container is deleted.
func (i invocation) serve() error {
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	// Containerd reads the output of shims from a pipe in the bundle.
	if log, err := os.OpenFile("log", os.O_WRONLY|unix.O_NONBLOCK, 0); err == nil {
		_ = unix.Dup2(int(log.Fd()), 2)
		_ = log.Close()
	}
	program, err := findProgram()
	if err != nil {
		fmt.Fprintln(os.Stderr, "roadrunner:", err)
		return err
	}
	file := os.NewFile(3, "socket")
	listener, err := net.FileListener(file)
	if err != nil {
		return err
	}
	_ = file.Close()
	_ = os.Chdir("/")
	server, err := ttrpc.NewServer(ttrpc.WithServerHandshaker(ttrpc.UnixSocketRequireSameUser()),
		ttrpc.WithUnaryServerInterceptor(func(ctx context.Context, request ttrpc.Unmarshaler, _ *ttrpc.UnaryServerInfo, call ttrpc.Method) (any, error) {
			reply, err := call(ctx, request)
			return reply, errgrpc.ToGRPC(err)
		}))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &service{program: program, namespace: i.namespace, containerd: i.address, events: newPublisher(os.Getenv("TTRPC_ADDRESS"), i.namespace),
		functions: make(map[string]*function), hosts: make(map[string]*host), reserved: make(map[string][]*time.Timer)}
	path := ShimSocket(i.address, i.namespace)
	s.idle = func() {
		if !s.unused() {
			return
		}
		go func() {
			unlock, err := lockSockets()
			if err != nil || ctx.Err() != nil {
				return
			}
			defer unlock()
			if s.unused() {
				_ = unix.Unlink(path)
				cancel()
			}
		}()
	}
	s.reserve(i.id)
	taskapi.RegisterTTRPCTaskService(server, s)
	go func() { _ = server.Serve(ctx, listener) }()
	<-ctx.Done()
	s.events.flush(time.Second)
	ending, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	_ = server.Shutdown(ending)
	return nil
}

// delete cleans up after a shim that is dead, and prints what containerd shall take for the container's
// end.
func (i invocation) delete(arguments []string) error {
	bundle := cmp.Or(i.bundle, ".")
	spec, err := readSpec(bundle)
	if err == nil && !isFunction(spec) {
		return passOn(arguments)
	}
	lives := true
	if unlock, err := lockSockets(); err == nil {
		path := ShimSocket(i.address, i.namespace)
		if connection, err := net.DialTimeout("unix", path, time.Second); err == nil {
			_ = connection.Close()
		} else {
			lives = false
			_ = unix.Unlink(path)
		}
		_ = unix.Unlink(ControlSocket(i.address, i.namespace, i.id))
		unlock()
	}
	if err == nil && spec.Linux != nil {
		paths := []string{spec.Linux.CgroupsPath}
		// Containerd 1.6 calls this after an orderly deletion, too, when others of the pod may run.
		if pod := spec.Annotations[sandboxAnnotation]; pod != "" && !lives {
			paths = append(paths, filepath.Join(filepath.Dir(spec.Linux.CgroupsPath), "roadrunner-"+pod))
		}
		for _, path := range paths {
			if g, err := loadGroup(path); err == nil && path != "" {
				g.end()
			}
		}
	}
	_ = unix.Unmount(filepath.Join(bundle, "rootfs"), unix.MNT_DETACH)
	return print(&taskapi.DeleteResponse{ExitStatus: 128 + uint32(syscall.SIGKILL), ExitedAt: timestamppb.Now()})
}
