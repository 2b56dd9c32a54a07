package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"rrbench/measure"
	"rrbench/modes"
	"rrbench/payloads"
	"rrbench/transport"
)

// Open implements transport.Transport. It starts the server, unless another route of this
// process has; every target is connected to it when it returns.
func (r relay) Open(ctx context.Context, setup transport.Setup, targets []transport.Endpoint) (transport.Route, error) {
	chosen, err := r.checkSetup(setup)
	if err != nil {
		return nil, err
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("%s: a route needs at least one target", r.name)
	}
	route := &route{relay: r, codec: setup.Codec, key: keyPrefix + rand.Text(), lifetime: lifetimeOf(setup.Deadline)}
	if err := route.open(ctx, setup, chosen, targets); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", r.name, err), route.Close())
	}
	return route, nil
}

// keyPrefix says on a user's server whose key it is.
const keyPrefix = "rrbench:payload:"

// lifetimeOf is when a value goes away by itself whose source was killed. It outlives each
// hand-off.
func lifetimeOf(deadline time.Duration) time.Duration {
	const least = time.Minute
	if deadline <= 0 {
		return time.Hour
	}
	return max(least, 2*deadline)
}

type route struct {
	relay
	codec  transport.Codec
	source source
	server *server
	client *redis.Client
	// plain is the client of limit/redis that carries payloads, else nil.
	plain *plain
	lines []*line
	// key is the payload's, or the channel's name.
	key      string
	lifetime time.Duration

	// handoff is the one under way.
	handoff *transport.Handoff
	// broken is why nothing can be sent any more.
	broken error
}

var _ transport.MemoryReporter = (*route)(nil)

func (r *route) open(ctx context.Context, setup transport.Setup, of place, targets []transport.Endpoint) (err error) {
	if r.source, err = r.newSource(ctx, setup, r.carry); err != nil {
		return err
	}
	if r.server, err = use(ctx, of); err != nil {
		return err
	}
	if err := r.server.limits.check(r.way, setup.Size); err != nil {
		return err
	}
	if r.client, err = connect(ctx, r.server.place, setup.Deadline); err != nil {
		return err
	}
	if r.way == plainly {
		if r.plain, err = connectPlain(ctx, r.server.place, setup.Deadline); err != nil {
			return err
		}
	}
	for i, endpoint := range targets {
		l, err := r.invite(ctx, lineNetwork(of), endpoint)
		if err != nil {
			return fmt.Errorf("target %d at %s: %w", i, endpoint.Address, err)
		}
		l.deadline = setup.Deadline
		r.lines = append(r.lines, l)
	}
	return nil
}

// invite has a target connect to the server.
func (r *route) invite(ctx context.Context, over Network, endpoint transport.Endpoint) (*line, error) {
	if endpoint.Transport != r.name || endpoint.Network != string(over) {
		return nil, fmt.Errorf("it is a target of %q over %q, not of %s over %s", endpoint.Transport, endpoint.Network, r.name, over)
	}
	if len(endpoint.Nonce) != nonceSize {
		return nil, fmt.Errorf("its nonce has %d bytes, not %d", len(endpoint.Nonce), nonceSize)
	}
	dialing, cancel := context.WithTimeout(ctx, introductionPatience)
	defer cancel()
	connection, err := dial(dialing, endpoint.Network, endpoint.Address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	defer stop()
	l := newLine(connection, introductionPatience)
	if err := l.introduce(endpoint.Nonce, invitation{Server: r.server.place, Key: r.key}); err != nil {
		_ = connection.Close()
		return nil, errors.Join(fmt.Errorf("have it connect to the server: %w", err), ctx.Err())
	}
	if err := l.unbound(); err != nil {
		_ = connection.Close()
		return nil, err
	}
	return l, nil
}

func (r *route) Prepare(spec payloads.Spec) (uint64, error) {
	if r.broken != nil {
		return 0, r.broken
	}
	if limit := r.server.limits.value; limit > 0 && spec.Size > limit {
		return 0, r.checkSize(spec.Size, limit)
	}
	return r.source.Prepare(spec)
}

func (r *route) Send(handoff *transport.Handoff) error {
	if r.broken != nil {
		return r.broken
	}
	if len(handoff.Deliveries) != len(r.lines) {
		handoff.Deliveries = make([]transport.Delivery, len(r.lines))
	}
	clear(handoff.Deliveries)
	r.handoff = handoff
	handoff.Start = measure.Now()
	err := r.source.Send()
	r.handoff = nil
	switch {
	case r.broken != nil:
		return r.broken
	case err != nil && !errors.Is(err, modes.ErrDelivery):
		return fmt.Errorf("%s: send at the source: %w", r.name, err)
	}
	// Its share of what the server did is a delivery's, too.
	used, meterErr := r.server.usage.Take()
	if meterErr != nil {
		return fmt.Errorf("%s: %w", r.name, meterErr)
	}
	for i := range handoff.Deliveries {
		d := &handoff.Deliveries[i]
		d.Usage = d.Usage.Add(share(used, int64(i), int64(len(handoff.Deliveries))))
	}
	return nil
}

// share is the i-th of n parts, which add up to the whole.
func share(u measure.Usage, i, n int64) measure.Usage {
	part := func(whole int64) int64 { return whole*(i+1)/n - whole*i/n }
	return measure.Usage{
		UserNs: part(u.UserNs), KernelNs: part(u.KernelNs),
		MinorFaults: part(u.MinorFaults), ContextSwitches: part(u.ContextSwitches),
	}
}

// carry runs inside the source's send_to_host: the region is leased and the guest
// suspended until it returns. The socket is written to from the function's memory.
func (r *route) carry(payload []byte) error {
	start, serialized := r.handoff.Start, r.handoff.Start
	if serializes(r.codec) {
		serialized = measure.Now()
	}
	for i := range r.handoff.Deliveries {
		r.handoff.Deliveries[i].Timeline = transport.Timeline{Start: start, Serialized: serialized, CopiedOut: serialized}
	}
	ctx := context.Background()
	if err := r.hand(ctx, payload); err != nil {
		r.breakOff(err)
		return r.broken
	}
	var others sync.WaitGroup
	for i := 1; i < len(r.lines); i++ {
		others.Go(func() { r.collect(i, uint64(len(payload))) })
	}
	r.collect(0, uint64(len(payload)))
	others.Wait()
	if r.way != messages {
		if err := r.client.Del(ctx, r.key).Err(); err != nil {
			r.breakOff(explain("delete the payload", err))
		}
	}
	for i := range r.handoff.Deliveries {
		if r.handoff.Deliveries[i].Err != nil {
			return modes.ErrDelivery
		}
	}
	return nil
}

// hand puts the payload into the server.
func (r *route) hand(ctx context.Context, payload []byte) error {
	if err := r.server.limits.check(r.way, int64(len(payload))); err != nil {
		return err
	}
	var err error
	switch r.way {
	case values:
		err = r.client.Set(ctx, r.key, payload, r.lifetime).Err()
	case plainly:
		err = r.plain.set(r.key, payload, r.lifetime)
	case messages:
		return r.publish(ctx, payload)
	}
	return r.explainHand("SET the payload", err)
}

// explainHand is explain for what takes a payload to the server, which hangs up on one that
// is too long.
func (r *route) explainHand(step string, err error) error {
	switch {
	case err == nil:
		return nil
	case r.server.limits.value == 0 && (errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)):
		return fmt.Errorf("%s: %w (has redis-server ended, or is the payload longer than its proto-max-bulk-len?)", step, err)
	}
	return explain(step, err)
}

func (r *route) publish(ctx context.Context, payload []byte) error {
	listeners, err := r.client.Publish(ctx, r.key, payload).Result()
	if err != nil {
		return r.explainHand("PUBLISH the payload", err)
	}
	if listeners != int64(len(r.lines)) {
		return fmt.Errorf("PUBLISH the payload: %d of %d targets are subscribed", listeners, len(r.lines))
	}
	return nil
}

// collect tells one target and waits for its reply.
func (r *route) collect(i int, length uint64) {
	l, d := r.lines[i], &r.handoff.Deliveries[i]
	err := l.bound()
	if err == nil && r.way != messages {
		err = l.tell(length)
	}
	if err != nil {
		d.Err = fmt.Errorf("%s: tell target %d: %w", r.name, i, err)
		return
	}
	err = l.reply(d)
	d.Timeline.Acknowledged = measure.Now()
	if err != nil {
		// What comes later could be taken for the next reply.
		_ = l.connection.Close()
		d.Err = explain("wait for its reply", err)
	}
	if d.Err != nil {
		d.Err = fmt.Errorf("%s: target %d: %w", r.name, i, d.Err)
	}
}

// breakOff notes why the route is of no use any more.
func (r *route) breakOff(err error) {
	if p := r.server.process; p != nil && p.hasEnded() {
		err = fmt.Errorf("%w: %s ended with %v: %s", err, p.name, p.command.ProcessState, p.output.String())
	}
	r.broken = fmt.Errorf("%s: %w", r.name, err)
}

// Memory is the server's peak.
func (r *route) Memory() (measure.Memory, error) { return r.server.usage.Memory() }

// Close ends the connections, and the server with its last route.
func (r *route) Close() error {
	var errs []error
	for _, l := range r.lines {
		if err := l.connection.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	r.lines = nil
	if r.plain != nil {
		errs = append(errs, r.plain.Close())
		r.plain = nil
	}
	if r.client != nil {
		errs = append(errs, r.client.Close())
		r.client = nil
	}
	if r.server != nil {
		errs = append(errs, r.server.release())
		r.server = nil
	}
	if r.source != nil {
		errs = append(errs, r.source.Close())
		r.source = nil
	}
	return errors.Join(errs...)
}
