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
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/child"
	"rrbench/private"
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

var _ shim.Launcher = Launcher{}

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

// Start has runc make and run a container, without waiting for it.
func (p *pod) Start(_ context.Context, name string, runs transport.Runs) (_ *shim.Instance, err error) {
	namespace, address, err := p.Connect()
	if err != nil {
		return nil, err
	}
	directory, err := private.NewDirectory(os.TempDir(), prefix)
	if err != nil {
		return nil, fmt.Errorf("make a container's directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, directory.Remove())
		}
	}()
	if err := writeBundle(directory.Path, Spec(p.program, namespace, shim.Environment(runs), "shim"), p.program, p.rootless); err != nil {
		return nil, err
	}
	connection, theirs, err := child.SocketPair(unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	c := &container{id: filepath.Base(directory.Path), directory: directory}
	// The container's life is bounded by its control connection, not by a context.
	c.run = runc(context.Background(), directory.Path, "run", "--bundle", directory.Path, "--no-new-keyring", "--preserve-fds", "1", c.id)
	c.run.ExtraFiles = []*os.File{theirs}
	c.run.Stdout, c.run.Stderr = &c.stderr, &c.stderr
	c.run.WaitDelay = time.Second
	if err := c.run.Start(); err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return &shim.Instance{
		Connection: connection,
		Address:    address,
		Program:    "container " + c.id,
		PID:        c.pid,
		Wait:       func() shim.ExitReason { return c.wait(name) },
		// By force, also while runc still makes the container: what that leaves is for wait to remove.
		Kill: func() { _ = c.run.Process.Kill() },
	}, nil
}
