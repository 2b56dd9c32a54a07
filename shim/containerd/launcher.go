package containerd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/shim"
	"rrbench/shim/network"
	"rrbench/shim/runc"
	"rrbench/transport"
)

// Launcher starts shims by containerd, each in a container of its own with a network namespace that
// a bridge joins to the others.
type Launcher struct {
	Server *Server
	// Native runs this program itself in a container of runc's. The parameter of the methods is then a
	// runc.Network.
	Native bool
}

// Check looks for what is needed, without starting anything.
func (l Launcher) Check(parameter string) error {
	if l.Server == nil {
		return unavailable("only a sweep starts containerd", "give rrbench sweep --launcher containerd")
	}
	if os.Geteuid() != 0 || !measure.Capable(unix.CAP_SYS_ADMIN) {
		return unavailable("containerd's containers need root, with CAP_SYS_ADMIN", "run as root, outside of a container")
	}
	if l.Native {
		if err := (runc.Launcher{}).Check(parameter); err != nil {
			return err
		}
	}
	for _, name := range []string{"containerd", "ctr"} {
		if _, err := exec.LookPath(name); err != nil && (name == "ctr" || l.Server.socket == "") {
			return unavailable(name+" is not installed", "apt-get install containerd")
		}
	}
	if socket := l.Server.socket; socket != "" {
		connection, err := net.Dial("unix", socket)
		if err != nil {
			return unavailable(fmt.Sprintf("no containerd answers at %s: %v", socket, err), "start it, or leave --containerd out")
		}
		_ = connection.Close()
	}
	_, err := l.Server.shimProgram()
	return err
}

// Programs are containerd and its shim for functions, and runc for native ones.
func (l Launcher) Programs() []string {
	var paths []string
	if l.Native {
		paths = runc.Launcher{}.Programs()
	} else if path, err := l.Server.shimProgram(); err == nil {
		paths = append(paths, path)
	}
	if path, err := exec.LookPath("containerd"); err == nil && l.Server.socket == "" {
		paths = append(paths, path)
	}
	return paths
}

// Prepare makes the network of a cell.
func (l Launcher) Prepare(parameter string) (shim.Pod, error) {
	if err := l.Check(parameter); err != nil {
		return nil, err
	}
	i, err := l.Server.instance()
	if err != nil {
		return nil, err
	}
	p := &pod{instance: i, native: l.Native}
	if !l.Native || parameter != string(runc.Host) {
		p.Cell, err = network.New()
	}
	return p, err
}

// pod is the network of a cell's containers.
type pod struct {
	instance *instance
	native   bool
	*network.Cell
}

func (p *pod) Start(ctx context.Context, name string, runs transport.Runs) (*shim.Instance, error) {
	namespace, address, err := p.Connect()
	if err != nil {
		return nil, err
	}
	c := newContainer(p.instance)
	if p.native {
		err = c.startNative(ctx, namespace, runs)
	} else {
		err = c.startFunction(ctx, functionSpec(namespace))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("container %s: %w", c.id, err), c.Remove())
	}
	return c.hosting(name, address), nil
}

// hosting is the container as a shim.
func (c *Container) hosting(name, address string) *shim.Instance {
	return &shim.Instance{
		Connection: c.control,
		Address:    address,
		Program:    "container " + c.id,
		PID:        func() (int, error) { return c.pid, nil },
		Wait:       func() shim.ExitReason { return c.wait(name) },
		Kill:       func() { _ = c.Kill() },
	}
}

// Function starts, by a runtime of containerd's, the function that a native source reaches by its address alone; the
// source's shim is a child process. The parameter of the methods is a value of transport.ByContainerd.
type Function struct {
	Server *Server
	Module []byte
}

// program is what the runtime starts. The error is why it cannot.
func (f Function) program(parameter string) (Program, error) {
	name, ok := strings.CutPrefix(parameter, transport.ByContainerd)
	if !ok {
		return Program{}, unavailable("it starts the function by a runtime that has to be named", "give --containerd-runtime NAME, or --launcher process")
	}
	p := Program{Runtime: name, Module: f.Module, Name: "http", HostNetwork: true}
	return p, f.Server.CheckAlone(p)
}

func (f Function) Check(parameter string) error {
	_, err := f.program(parameter)
	return err
}

func (f Function) Programs() []string { return Launcher{Server: f.Server}.Programs() }

type listening struct {
	shim.Child
	*Container
	address string
}

// Prepare starts the function, whose argument is a port of this host, and waits until it listens there. Shims reach it
// by their Instance's address.
func (f Function) Prepare(parameter string) (_ shim.Pod, err error) {
	p, err := f.program(parameter)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("start the function by %s: %w", p.Runtime, err)
		}
	}()
	if err := f.Server.Ready(p); err != nil {
		return nil, err
	}
	free, err := net.Listen("tcp", net.JoinHostPort(transport.Loopback, "0"))
	if err != nil {
		return nil, err
	}
	l := &listening{address: free.Addr().String()}
	p.Arguments = []string{strconv.Itoa(free.Addr().(*net.TCPAddr).Port)}
	_ = free.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	if l.Container, err = f.Server.CreateAlone(ctx, p, nil, nil); err != nil {
		return nil, err
	}
	if err = l.Container.Start(ctx); err == nil {
		err = l.await(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, l.Remove())
	}
	return l, nil
}

func (l *listening) await(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- l.Wait() }()
	for {
		connection, err := net.Dial("tcp", l.address)
		if err == nil {
			return connection.Close()
		}
		select {
		case end := <-ended:
			if end == nil {
				end = errors.New("it exited with status 0")
			}
			return end
		case <-ctx.Done():
			return fmt.Errorf("%w after %v: %w", transport.ErrNoAnswer, startDeadline, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (l *listening) Start(ctx context.Context, name string, runs transport.Runs) (*shim.Instance, error) {
	instance, err := l.Child.Start(ctx, name, runs)
	if err == nil {
		instance.Address = l.address
	}
	return instance, err
}

func (l *listening) Close() error { return l.Remove() }
