// Package host is the process that runs a container's function, or those of a pod, for the shim
// (rrbench/shim/containerd/task).
package host

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/engines"
	enginecatalogue "rrbench/engines/catalogue"
	"rrbench/engines/wasip1"
	"rrbench/foreign"
	"rrbench/shim"
	"rrbench/shim/containerd/task"
	"rrbench/transport/stream"
)

// Serve runs functions until the shim has closed the socket. Find is for functions that a driver
// controls.
func Serve(find shim.Find) error {
	file := os.NewFile(task.HostDescriptor, "shim")
	unix.CloseOnExec(task.HostDescriptor)
	connection, err := net.FileConn(file)
	_ = file.Close()
	socket, ok := connection.(*net.UnixConn)
	if err != nil || !ok {
		return errors.New("this command runs functions for containerd, which starts it by itself: see docs/containerd.md")
	}
	h := &host{socket: socket, find: find, engines: make(map[string]engines.Engine), modules: make(map[string]engines.Module), functions: make(map[string]*function)}
	buffer := task.Buffer()
	for {
		var order task.Order
		files, err := task.Receive(socket, buffer, &order)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("listen to the shim: %w", err)
		case order.Create != nil:
			h.create(*order.Create, files)
		case order.Start != "":
			if f := h.functions[order.Start]; f != nil {
				close(f.start)
			}
		case order.End != "":
			if f := h.functions[order.End]; f != nil {
				f.end()
			}
		}
	}
}

// host has the functions of this process. Its fields belong to the goroutine of Serve, except for those that
// the lock guards.
type host struct {
	socket    *net.UnixConn
	find      shim.Find
	functions map[string]*function

	lock    sync.Mutex
	engines map[string]engines.Engine
	// modules are the compiled ones, by engine and content: a pod may have many functions of one image.
	modules map[string]engines.Module
	// dropped is set when this process has become its functions' user.
	dropped bool
}

type function struct {
	task.Function
	start chan struct{}
	// life is over when the function shall end. One that waits does; one that computes goes on.
	life context.Context
	end  context.CancelFunc
}

// standardInput is a pipe to which a client of containerd writes. Read waits for that client: without a
// writer, a read of the pipe itself would report its end.
type standardInput struct{ pipe *os.File }

func (i standardInput) Read(buffer []byte) (int, error) {
	descriptor := int(i.pipe.Fd())
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(descriptor), Events: unix.POLLIN}}, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return 0, err
		}
		n, err := unix.Read(descriptor, buffer)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

const (
	// ended is the status of a function that was ended while it waited.
	ended = 128 + uint32(unix.SIGKILL)
	// trapped is the status of a function that trapped: that of a native program that aborts.
	trapped = 128 + uint32(unix.SIGABRT)
)

func (h *host) create(order task.Function, files []*os.File) {
	f := &function{Function: order, start: make(chan struct{})}
	f.life, f.end = context.WithCancel(context.Background())
	h.functions[order.ID] = f
	expected := 4
	if order.Control {
		expected = 5
	}
	if len(files) != expected {
		h.tell(task.Event{ID: order.ID, Fault: fmt.Sprintf("%d files came with the function, not %d", len(files), expected)})
		return
	}
	go func() {
		defer func() {
			for _, file := range files {
				_ = file.Close()
			}
		}()
		run, err := h.prepare(f, files)
		if err != nil {
			h.tell(task.Event{ID: f.ID, Fault: foreign.Error(err)})
			return
		}
		h.tell(task.Event{ID: f.ID})
		<-f.start
		status := run()
		h.tell(task.Event{ID: f.ID, Ended: true, Status: status})
	}()
}

func (h *host) tell(event task.Event) {
	if err := task.Send(h.socket, event); err != nil {
		fmt.Fprintln(os.Stderr, "roadrunner: tell the shim:", err)
	}
}

// prepare does all that precedes the function's own code, and returns what runs that.
func (h *host) prepare(f *function, files []*os.File) (run func() uint32, err error) {
	stdin, stdout, stderr := files[1], files[2], files[3]
	if f.Control {
		if err := h.become(f.Function); err != nil {
			return nil, err
		}
		return func() uint32 {
			if err := h.controlled(f, files[4]); err != nil {
				fmt.Fprintln(stderr, "roadrunner:", err)
				return 1
			}
			return 0
		}, nil
	}
	module, err := h.compile(f.Engine, files[0])
	if err != nil {
		return nil, err
	}
	// The cache of compiled modules is root's.
	if err := h.become(f.Function); err != nil {
		return nil, err
	}
	system, err := wasip1.New(wasip1.Config{Arguments: f.Arguments, Environment: f.Environment,
		Input: standardInput{stdin}, Output: stdout, Errors: stderr, Sockets: true})
	if err != nil {
		return nil, err
	}
	context.AfterFunc(f.life, func() { _ = system.Close() })
	instance, err := module.Instantiate(context.Background(), engines.InstanceConfig{Name: f.Arguments[0], Imports: system.Functions()})
	if err != nil {
		return nil, errors.Join(err, system.Close())
	}
	entry, ok := instance.Function("_start")
	if !ok {
		return nil, errors.Join(errors.New("the module is no command: it does not export _start (build it for wasm32-wasip1, not as a library)"),
			instance.Close(), system.Close())
	}
	return func() uint32 {
		err := entry.Call(nil)
		status := uint32(0)
		var exit *engines.Exit
		switch {
		case errors.As(err, &exit):
			status = exit.Status
		case errors.Is(err, wasip1.ErrClosed):
			status = ended
		case err != nil:
			fmt.Fprintln(stderr, "roadrunner:", err)
			status = trapped
		}
		_ = errors.Join(instance.Close(), system.Close())
		return status
	}, nil
}

// compile makes a module, which is kept until this process ends.
func (h *host) compile(name string, file *os.File) (engines.Module, error) {
	wasm, err := io.ReadAll(io.NewSectionReader(file, 0, engines.MaxModule+1))
	if err != nil {
		return nil, fmt.Errorf("read the module: %w", err)
	}
	h.lock.Lock()
	defer h.lock.Unlock()
	key := fmt.Sprintf("%s %x", name, sha256.Sum256(wasm))
	if module := h.modules[key]; module != nil {
		return module, nil
	}
	engine, open := h.engines[name]
	if !open {
		if engine, err = enginecatalogue.New(name, enginecatalogue.Options{}); err != nil {
			return nil, err
		}
		h.engines[name] = engine
	}
	module, err := engine.Compile(context.Background(), wasm)
	if err == nil {
		h.modules[key] = module
	}
	return module, err
}

func (h *host) become(f task.Function) error {
	h.lock.Lock()
	defer h.lock.Unlock()
	if h.dropped {
		return nil
	}
	groups := make([]int, len(f.Groups))
	for i, group := range f.Groups {
		groups[i] = int(group)
	}
	err := errors.Join(unix.Setgroups(groups), unix.Setgid(int(f.GID)))
	if err == nil {
		err = unix.Setuid(int(f.UID))
	}
	// A process must read its own meters in /proc, and other processes of its user its memory; a change of
	// the user forbids both.
	if err == nil {
		err = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
	}
	if err != nil {
		return fmt.Errorf("become user %d:%d: %w", f.UID, f.GID, err)
	}
	h.dropped = true
	return nil
}

// connectDeadline is how long a driver may take to connect.
const connectDeadline = time.Minute

// controlled serves the driver that connects first, by the control protocol.
func (h *host) controlled(f *function, file *os.File) error {
	listener, err := net.FileListener(file)
	if err != nil {
		return err
	}
	defer listener.Close()
	context.AfterFunc(f.life, func() { _ = listener.Close() })
	connection, err := accept(listener.(*net.UnixListener), f.Driver)
	if err != nil {
		return fmt.Errorf("wait for the driver: %w", err)
	}
	_ = listener.Close()
	context.AfterFunc(f.life, func() { _ = connection.Close() })
	return shim.ServeConnection(connection, h.find)
}

// accept waits for a connection of root or of the driver's user. Others are closed.
func accept(listener *net.UnixListener, driver uint32) (*net.UnixConn, error) {
	if err := listener.SetDeadline(time.Now().Add(connectDeadline)); err != nil {
		return nil, err
	}
	for {
		connection, err := listener.AcceptUnix()
		if err != nil {
			return nil, err
		}
		var peer *unix.Ucred
		err = stream.Control(connection, func(fd int) (err error) {
			peer, err = unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
			return err
		})
		if err == nil && (peer.Uid == 0 || peer.Uid == driver) {
			return connection, nil
		}
		_ = connection.Close()
	}
}
