// Package runc starts shims in OCI containers, each in one of its own that runc runs: the
// batch loop, the meter and the clock are inside of the container, and no message crosses its
// border while a batch runs but what hands records over.
//
// By default the containers have network namespaces of their own, joined by a bridge; they
// can share the host's network instead.
package runc

import (
	"context"
	"fmt"
	"sync"

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
	s := &pod{capabilities: here}
	if here.network == Bridge {
		if s.joined, err = network.New(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// cleanOnce removes what killed runs have left behind, once a process.
var cleanOnce = sync.OnceFunc(func() { _ = Clean() })

// pod is the network of a cell's containers.
type pod struct {
	capabilities

	// joined is nil on the host's network.
	joined *network.Cell
}

func (s *pod) Start(_ context.Context, name string, runs transport.Runs) (*shim.Instance, error) {
	spec := bundleSpec{program: s.program, rootless: s.rootless, environment: shim.Environment(runs)}
	address := "127.0.0.1"
	if s.joined != nil {
		var err error
		if spec.network, address, err = s.joined.Connect(); err != nil {
			return nil, err
		}
	}
	c, connection, err := start(spec)
	if err != nil {
		return nil, err
	}
	return &shim.Instance{
		Connection: connection,
		Address:    address,
		Program:    "container " + c.id,
		PID:        c.pid,
		Wait:       func() shim.ExitReason { return c.wait(name) },
		Kill:       c.kill,
	}, nil
}

// Close gives the network up.
func (s *pod) Close() error {
	if s.joined != nil {
		s.joined.Close()
	}
	return nil
}

func parseNetwork(name string) (Network, error) {
	switch n := Network(name); n {
	case Bridge, Host:
		return n, nil
	}
	return "", fmt.Errorf("container network %q: known are %s and %s", name, Bridge, Host)
}
