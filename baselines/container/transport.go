// Package container hands payloads over between native functions in OCI containers: the
// very functions of http/native, built into a static program, each in a container of its
// own that runc runs. A shim a function starts the container, tells the function what to
// do over a control connection, and is not on the data path: the payload goes from
// container to container as HTTP over TCP, and t0 is taken inside the source's.
//
// By default the containers have network namespaces of their own, joined by a bridge; they
// can share the host's network instead.
package container

import (
	"fmt"

	"rrbench/baselines/http"
	"rrbench/transport"
)

// Name is the transport's.
const Name = "http/container"

// Network is how containers reach one another.
type Network string

const (
	// Bridge is a network namespace for each container and veth pairs to a bridge between
	// them. It needs root.
	Bridge Network = "bridge"
	// Host is the host's own network: loopback.
	Host Network = "host"
)

// ParseNetwork returns the network of that name.
func ParseNetwork(name string) (Network, error) {
	switch n := Network(name); n {
	case Bridge, Host:
		return n, nil
	}
	return "", fmt.Errorf("container network %q: known are %s and %s", name, Bridge, Host)
}

// New is the transport http/container. Its parameter is the Network; without one that is
// Bridge as root and Host without privileges.
func New() transport.Transport { return containers{} }

type containers struct{}

func (containers) Info() transport.Info {
	info := http.New().Info()
	info.Name = Name
	info.Place = 3
	info.Parameter = &transport.Parameter{
		Flag: "container-net",
		Help: "how the containers of " + Name + " reach one another: bridge, host (default bridge as root, else host)",
		Read: func(value string) (*transport.StandIn, error) { _, err := ParseNetwork(value); return nil, err },
	}
	info.Summary = "the functions of http/native in two OCI containers, over a bridge or the host's network"
	return info
}

func unavailable(reason error, remedy string) error {
	return &transport.Unavailable{Transport: Name, Reason: reason.Error(), Remedy: remedy}
}
