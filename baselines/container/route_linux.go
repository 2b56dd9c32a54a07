package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"rrbench/baselines/container/control"
	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
)

// Open starts a container with a source function, on the network that its targets are on.
func (containers) Open(ctx context.Context, setup transport.Setup, targets []transport.Endpoint) (transport.Route, error) {
	here, err := survey(setup)
	if err != nil {
		return nil, err
	}
	if err := sweepOnce(); err != nil {
		return nil, fmt.Errorf("remove what an earlier run left behind: %w", err)
	}
	if here.network, err = networkOf(targets); err != nil {
		return nil, err
	}
	r := &route{deadline: setup.Deadline}
	made := blueprint{program: here.program, rootless: here.rootless}
	reached := slices.Clone(targets)
	if here.network == Bridge {
		if err := r.connect(reached); err != nil {
			return nil, errors.Join(err, r.Close())
		}
		made.network = r.inside.path()
	}
	if r.container, _, err = startContainer(ctx, made, control.Begin{Setup: setup, Targets: reached}); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := r.count(targets); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// count opens the counters of every container that has a control group.
func (r *route) count(targets []transport.Endpoint) (err error) {
	if r.container.group != nil {
		if r.source, err = newMeter(*r.container.group); err != nil {
			return err
		}
	}
	r.targets = make([]*meter, len(targets))
	for i, endpoint := range targets {
		if id := endpoint.Facts[factContainer]; id != "" {
			if r.targets[i], err = newMeter(cgroupOf(id)); err != nil {
				return fmt.Errorf("target %d: %w", i, err)
			}
		}
	}
	return nil
}

// networkOf returns the network that all targets are on.
func networkOf(targets []transport.Endpoint) (Network, error) {
	var network Network
	for i, endpoint := range targets {
		n, err := ParseNetwork(endpoint.Facts[factNetwork])
		if err != nil {
			return "", fmt.Errorf("endpoint %d, of transport %q: %w", i, endpoint.Transport, err)
		}
		if i > 0 && n != network {
			return "", fmt.Errorf("endpoint %d is on the network %s, the others on %s", i, n, network)
		}
		network = n
	}
	return network, nil
}

// route is a source function in a container. It owns the bridge that its targets are
// plugged into: no two routes share a cable.
type route struct {
	container *container
	inside    *namespace
	bridge    *bridge
	deadline  time.Duration
	// source and targets are nil where there is no control group to read.
	source  *meter
	targets []*meter
}

// connect makes a bridge, plugs the source's new namespace and every target's into it, and
// gives the endpoints the addresses that they have there.
func (r *route) connect(targets []transport.Endpoint) error {
	var err error
	if r.bridge, err = newBridge(); err != nil {
		return err
	}
	if r.inside, err = newNamespace(); err != nil {
		return err
	}
	if _, err := r.bridge.plug(r.inside); err != nil {
		return err
	}
	for i := range targets {
		if err := r.connectTarget(&targets[i]); err != nil {
			return fmt.Errorf("target %d: %w", i, err)
		}
	}
	return nil
}

func (r *route) connectTarget(endpoint *transport.Endpoint) error {
	_, port, err := net.SplitHostPort(endpoint.Address)
	if err != nil {
		return fmt.Errorf("address of an endpoint: %w", err)
	}
	inside, err := openNamespace(endpoint.Facts[factNamespace])
	if err != nil {
		return err
	}
	defer inside.close()
	address, err := r.bridge.plug(inside)
	if err != nil {
		return err
	}
	endpoint.Address = net.JoinHostPort(address.String(), port)
	endpoint.Facts = maps.Clone(endpoint.Facts)
	return nil
}

// patience is how long the container may take to answer: a little more than the function
// itself gives a hand-off, which knows better what is wrong, and less than the shim.
func patience(deadline time.Duration) time.Duration {
	return deadline + min(deadline/8, time.Second)
}

func (r *route) Prepare(spec payloads.Spec) (uint64, error) {
	if err := r.container.control.Within(patience(r.deadline)); err != nil {
		return 0, r.container.explain("prepare a payload", err)
	}
	digest, err := r.container.control.Prepare(spec)
	if err != nil {
		return 0, r.container.explain("prepare a payload", err)
	}
	return digest, nil
}

// lastBreath is how long a process that is dying may be there after its sockets are closed.
const lastBreath = 200 * time.Millisecond

// Send has the source function send. A delivery's usage is that of its target's container
// and its share of the source's.
func (r *route) Send(handoff *transport.Handoff) error {
	if _, err := r.source.take(); err != nil {
		return r.container.explain("send", err)
	}
	if err := r.container.control.Within(patience(r.deadline)); err != nil {
		return r.container.explain("send", err)
	}
	used, err := r.container.control.Send(handoff)
	if err != nil {
		return r.container.explain("send", err)
	}
	r.source.correct(&used)
	n := int64(len(handoff.Deliveries))
	for i := range handoff.Deliveries {
		delivery := &handoff.Deliveries[i]
		r.targets[i].correct(&delivery.Usage)
		delivery.Usage = delivery.Usage.Add(measure.Usage{
			UserNs:          used.UserNs / n,
			KernelNs:        used.KernelNs / n,
			MinorFaults:     used.MinorFaults / n,
			ContextSwitches: used.ContextSwitches / n,
		})
		if delivery.Err != nil && r.targets[i] != nil && r.targets[i].group.endsWithin(lastBreath) {
			delivery.Err = fmt.Errorf("%w (the target's container has ended)", delivery.Err)
		}
	}
	return nil
}

// Memory is the peak of the source's container.
func (r *route) Memory() (measure.Memory, error) { return r.container.memory() }

// Close ends the source's container and the network. The targets stay, unconnected.
func (r *route) Close() error {
	var err error
	if r.container != nil {
		err = r.container.close()
	}
	for _, m := range append(r.targets, r.source) {
		m.close()
	}
	r.source, r.targets = nil, nil
	if r.inside != nil {
		r.inside.close()
		r.inside = nil
	}
	if r.bridge != nil {
		r.bridge.close()
		r.bridge = nil
	}
	return err
}
