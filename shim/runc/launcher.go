// Package runc starts shims in OCI containers, each in one of its own that runc runs: the
// batch loop, the meter and the clock are inside of the container, and no message crosses its
// border while a batch runs but what hands records over.
//
// By default the containers have network namespaces of their own, joined by a bridge; they
// can share the host's network instead.
package runc

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"rrbench/child"
	"rrbench/shim"
	"rrbench/shim/network"
	"rrbench/transport"
)

// Network is how containers reach one another.
type Network string

const (
	// Bridge is a network namespace for each container and veth pairs to a bridge between
	// them. It needs root.
	Bridge Network = "bridge"
	// Host is the host's own network: loopback.
	Host Network = "host"
)

// Launcher starts shims in containers. The parameter of its methods is the Network; without
// one that is Bridge as root and Host without privileges.
type Launcher struct {
	// Program is the path of the static program to run as a shim; empty is this one.
	Program string
}

// Check looks for everything that a container needs, without starting one.
func (l Launcher) Check(parameter string) error {
	_, err := l.capabilities(parameter)
	return err
}

func (Launcher) Programs() []string {
	path, err := findRunc()
	if err != nil {
		return nil
	}
	return []string{path}
}

// Prepare makes the network of a cell.
func (l Launcher) Prepare(parameter string) (shim.Pod, error) {
	here, err := l.capabilities(parameter)
	if err != nil {
		return nil, err
	}
	// What cannot be removed is no reason not to measure: rrbench doctor names it.
	cleanOnce()
	p := &pod{capabilities: here}
	if here.network == Bridge {
		p.Cell, err = network.New()
	}
	return p, err
}

// cleanOnce removes what killed runs have left behind, once a process.
var cleanOnce = sync.OnceFunc(func() { _ = Clean() })

// pod is the network of a cell's containers.
type pod struct {
	capabilities
	*network.Cell
}

// Start starts a runc that makes and runs a container, and does not wait for it.
func (p *pod) Start(_ context.Context, name string, runs transport.Runs) (*shim.Instance, error) {
	namespace, address, err := p.Connect()
	if err != nil {
		return nil, err
	}
	directory, err := makeBundle(Spec(p.program, namespace, shim.Environment(runs), "shim"), p.program, p.rootless)
	if err != nil {
		return nil, err
	}
	// Runc stays in the foreground as the shim's parent, and outlives this process if need be: when the shim ends,
	// runc removes the container's control group, its own records and, by a hook, the directory. The shim ends when
	// its control connection closes, which the kernel does for a process that dies, however it dies. So everything
	// is gone shortly after, and no context bounds the container's life.
	id := filepath.Base(directory.Path)
	command := runc(context.Background(), directory.Path, "run", "--bundle", directory.Path, "--no-new-keyring", "--preserve-fds", "1", id)
	var output child.Tail
	command.Stdout, command.Stderr = &output, &output
	instance, err := shim.Launch(command, (*exec.Cmd).Start, name, "container "+id, &output)
	if err != nil {
		return nil, errors.Join(err, directory.Remove())
	}
	instance.Address, instance.Program = address, "container "+id
	instance.PID = func() (int, error) { return pidOf(directory.Path, id) }
	ended := instance.Wait
	// Runc is killed also while it still makes the container; what that leaves is removed here.
	instance.Wait = func() shim.ExitReason {
		reason := ended()
		if command.ProcessState.ExitCode() == 128+int(unix.SIGKILL) {
			reason.How = shim.KilledOutright
		}
		if !reason.OK {
			reason.Line += remedyFor(reason.Line)
		}
		if err := remove(directory); err != nil {
			reason.OK = false
			reason.How += "; " + err.Error()
		}
		return reason
	}
	return instance, nil
}
