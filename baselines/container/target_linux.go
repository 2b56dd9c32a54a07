package container

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"rrbench/baselines/container/control"
	"rrbench/measure"
	"rrbench/transport"
)

// Facts of an endpoint.
const (
	// factNetwork is the Network that the target is on.
	factNetwork = "network"
	// factNamespace is the path of the target's network namespace, to be connected.
	factNamespace = "namespace"
	// factContainer is the target's container, which has a control group of that name.
	factContainer = "container"
)

// sweepOnce removes what killed runs have left behind, once a process.
var sweepOnce = sync.OnceValue(Clean)

// Serve starts a container with a target function. On a bridge it has no cable yet: the
// route that is opened to it lays one.
func (containers) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	here, err := survey(setup)
	if err != nil {
		return nil, err
	}
	if err := sweepOnce(); err != nil {
		return nil, fmt.Errorf("remove what an earlier run left behind: %w", err)
	}
	t := &target{}
	made := blueprint{program: here.program, rootless: here.rootless}
	listen := "127.0.0.1:0"
	if here.network == Bridge {
		if t.inside, err = newNamespace(); err != nil {
			return nil, err
		}
		made.network = t.inside.path()
		listen = "0.0.0.0:0"
	}
	var begun control.Begun
	if t.container, begun, err = startContainer(ctx, made, control.Begin{Setup: setup, Listen: listen}); err != nil {
		return nil, errors.Join(err, t.leave())
	}
	t.endpoint = begun.Endpoint
	t.endpoint.Transport = Name
	t.endpoint.Facts = map[string]string{factNetwork: string(here.network)}
	if t.inside != nil {
		t.endpoint.Facts[factNamespace] = t.inside.path()
	}
	if t.container.group != nil {
		t.endpoint.Facts[factContainer] = t.container.id
	}
	return t, nil
}

var _ transport.MemoryReporter = (*target)(nil)

type target struct {
	container *container
	// inside is the container's network namespace, nil on the host's network.
	inside   *namespace
	endpoint transport.Endpoint
}

func (t *target) Endpoint() transport.Endpoint { return t.endpoint }

// Memory is the peak of the target's container.
func (t *target) Memory() (measure.Memory, error) { return t.container.memory() }

// Close ends the container.
func (t *target) Close() error {
	return errors.Join(t.container.close(), t.leave())
}

// leave gives the network namespace up.
func (t *target) leave() error {
	if t.inside != nil {
		t.inside.close()
		t.inside = nil
	}
	return nil
}
