package containerd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"

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
	// Native runs the program itself in a container of runc's, and not a function's host. The parameter
	// of the methods is then a runc.Network.
	Native bool
}

var _ shim.Launcher = Launcher{}

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
		err = c.startFunction(ctx, namespace)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("container %s: %w", c.id, err), c.Remove())
	}
	return &shim.Instance{
		Connection: c.connection,
		Address:    address,
		Program:    "container " + c.id,
		PID:        func() (int, error) { return c.pid, nil },
		Wait:       func() shim.ExitReason { return c.wait(name) },
		Kill:       func() { _ = c.Kill() },
	}, nil
}
