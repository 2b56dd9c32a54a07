package wasi

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"rrbench/baselines/wasi/abi"
	"rrbench/engines/wasip1"
	"rrbench/payloads"
	"rrbench/transport"
)

// Open implements transport.Transport. Every target has answered on the connection that
// payloads will take when it returns.
func (g Guests) Open(ctx context.Context, setup transport.Setup, targets []transport.Endpoint) (transport.Route, error) {
	if len(targets) == 0 {
		return nil, errors.New("a route needs at least one target")
	}
	made, bounded, err := g.start(ctx, setup)
	if err != nil {
		return nil, err
	}
	r := &route{guest: made, targets: slices.Clone(targets), deadline: setup.Deadline}
	if err := errors.Join(r.open(), bounded()); err != nil {
		return nil, errors.Join(err, made.close())
	}
	return r, nil
}

// route is a guest that sends.
type route struct {
	guest    *guest
	targets  []transport.Endpoint
	deadline time.Duration
	// addresses are those of targets.
	addresses []netip.AddrPort
}

func (r *route) open() error {
	for _, endpoint := range r.targets {
		if endpoint.Transport != Name || endpoint.Network != "tcp" || len(endpoint.Nonce) != transport.NonceSize {
			return fmt.Errorf("endpoint %s of transport %q over %q with a nonce of %d bytes: it must be one of %s", endpoint.Address, endpoint.Transport, endpoint.Network, len(endpoint.Nonce), Name)
		}
		address, port, err := addressOf(endpoint.Address)
		if err != nil {
			return fmt.Errorf("endpoint: %w", err)
		}
		r.addresses = append(r.addresses, netip.MustParseAddrPort(endpoint.Address))
		where, err := r.guest.call(abi.Target, address, port)
		if err != nil {
			return err
		}
		if where == 0 {
			return r.guest.failure()
		}
		nonce, err := r.guest.memory(where, transport.NonceSize)
		if err != nil {
			return err
		}
		copy(nonce, endpoint.Nonce)
	}
	// The guest itself gives its targets the deadline, and knows which does not answer.
	r.guest.within(r.timeout())
	return r.guest.do(abi.Open)
}

// leastBeyond is the least time beyond its deadline for a guest to say what has failed.
const leastBeyond = 400 * time.Millisecond

// timeout is how long the guest may wait: a little more than it gives a hand-off by
// itself, as it knows better what is wrong, and less than the shim does.
func (r *route) timeout() time.Duration {
	return r.deadline + min(max(r.deadline/8, leastBeyond), time.Second)
}

// Prepare implements transport.Route: the guest makes the object.
func (r *route) Prepare(spec payloads.Spec) error { return r.make(abi.Prepare, spec) }

func (r *route) Rehearse(spec payloads.Spec) error { return r.make(abi.Rehearse, spec) }

func (r *route) make(export string, spec payloads.Spec) error {
	kind, err := abi.Kind(spec.Kind)
	if err != nil {
		return err
	}
	r.guest.within(r.timeout())
	return r.guest.do(export, kind, spec.Seed, uint64(spec.Size))
}

func (r *route) Send(handoff *transport.Handoff) error {
	handoff.Resize(len(r.targets))
	r.guest.within(r.timeout())
	if err := r.guest.do(abi.Send); errors.Is(err, wasip1.ErrDeadline) {
		return fmt.Errorf("%w of %v (a longer --deadline may help)", err, r.deadline)
	} else if err != nil {
		return err
	}
	where, err := r.guest.call(abi.Deliveries)
	if err != nil {
		return err
	}
	encoded, err := r.guest.memory(where, uint64(len(r.targets))*transport.DeliveryLimit)
	if err != nil {
		return err
	}
	for i := range handoff.Deliveries {
		d := &handoff.Deliveries[i]
		if _, err := transport.ParseDelivery(encoded[i*transport.DeliveryLimit:], d); err != nil {
			d.Err = fmt.Errorf("guest %s: %w", r.guest.name, err)
		}
		if out := r.guest.system.TakeSending(r.addresses[i]); d.Err == nil {
			noteCopies(&d.Timeline, out)
		}
	}
	handoff.Start = handoff.Deliveries[0].Timeline.Start
	return nil
}

// noteCopies counts the time of system calls as copying: out nanoseconds at the source, and the target's between
// Received and CopiedIn. On two processors these overlap; where together they take longer
// than there was time, each gets its share of that, and nothing is left for the transfer.
func noteCopies(line *transport.Timeline, out int64) {
	within, in := line.CopiedIn-line.Serialized, line.CopiedIn-line.Received
	if out < 0 || in < 0 || within < 0 {
		return // the moments of a guest that lies
	}
	if both := float64(out) + float64(in); both > float64(within) {
		out = int64(float64(out) / both * float64(within))
		in = within - out
	}
	line.CopiedOut, line.Received = line.Serialized+out, line.CopiedIn-in
}

func (r *route) Close() error { return r.guest.close() }
