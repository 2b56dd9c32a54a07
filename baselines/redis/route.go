package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"rrbench/measure"
	"rrbench/modes/sockets"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// directions tell targets where payloads will be.
type directions struct {
	Server place `json:"server"`
	// Key is the payload's key, or the channel it is published to.
	Key string `json:"key"`
}

// route adds to deliveries what the server takes part in.
type route struct {
	*sockets.Route
	sender *sender
}

var _ transport.MemoryReporter = (*route)(nil)

func (r *route) Send(handoff *transport.Handoff) error {
	if err := r.Route.Send(handoff); err != nil {
		return err
	}
	used, err := r.sender.server.usage.Take()
	if err != nil {
		return err
	}
	for i := range handoff.Deliveries {
		d := &handoff.Deliveries[i]
		if moment := r.sender.serialized; moment != 0 {
			d.Timeline.Serialized, d.Timeline.CopiedOut = moment, moment
		}
		d.Server = share(used, int64(i), int64(len(handoff.Deliveries)))
	}
	return nil
}

// Memory is the server's peak.
func (r *route) Memory() (measure.Memory, error) { return r.sender.server.usage.Memory() }

// share is the i-th of n parts, which add up to the whole.
func share(u measure.Usage, i, n int64) measure.Usage {
	part := func(whole int64) int64 { return whole*(i+1)/n - whole*i/n }
	return measure.Usage{
		UserNs: part(u.UserNs), KernelNs: part(u.KernelNs),
		MinorFaults: part(u.MinorFaults), ContextSwitches: part(u.ContextSwitches),
	}
}

// sender is a source's side of a server.
type sender struct {
	server   *server
	client   *client
	exchange exchange
	// key is the payload's, or the channel's name.
	key        string
	lifetime   time.Duration
	serializes bool
	// serialized is when the payload under way was complete, zero where none is serialized.
	serialized int64
	// lastID is that of the last reference.
	lastID uint64
}

// keyPrefix says on a user's server whose key it is.
const keyPrefix = "rrbench:payload:"

func newSender(ctx context.Context, setup transport.Setup, chosen place, exchange exchange) (*sender, error) {
	shared, err := use(ctx, chosen)
	if err != nil {
		return nil, err
	}
	s := &sender{
		server:     shared,
		exchange:   exchange,
		key:        keyPrefix + rand.Text(),
		lifetime:   lifetimeOf(setup.Deadline),
		serializes: setup.Codec.Serializes(),
	}
	if err = exchange.check(shared.holds, setup.Size); err == nil {
		s.client, err = connect(ctx, shared.place, setup.Deadline)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// lifetimeOf is when a value goes away by itself whose source was killed. It outlives each
// hand-off.
func lifetimeOf(deadline time.Duration) time.Duration {
	if deadline <= 0 {
		return time.Hour
	}
	return max(time.Minute, 2*deadline)
}

// begin starts a hand-off. The source is suspended meanwhile, and the server is written to
// from its memory.
func (s *sender) begin(payload []byte) (stream.Reference, error) {
	if s.serializes {
		s.serialized = measure.Now()
	}
	s.lastID++
	return stream.Reference{ID: s.lastID, Descriptor: -1}, s.exchange.check(s.server.holds, int64(len(payload)))
}

// explain adds how a private server has ended.
func (s *sender) explain(step string, err error) error {
	if err = explain(step, err); err != nil && s.server.hasEnded() {
		err = fmt.Errorf("%w: %w", err, s.server.ending())
	}
	return err
}

// Released has nothing to note: what was fetched is the target's own.
func (s *sender) Released([]uint64) {}

// Close disconnects, and ends the server with its last route.
func (s *sender) Close() error {
	var err error
	if s.client != nil {
		err = s.client.Close()
	}
	return errors.Join(err, s.server.release())
}
