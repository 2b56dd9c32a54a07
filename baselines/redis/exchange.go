package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"rrbench/measure"
	"rrbench/modes"
	"rrbench/modes/sockets"
	"rrbench/payloads"
	"rrbench/transport/stream"
)

// exchange is what becomes of payloads in a server.
type exchange interface {
	// check refuses what the server would not take, would cut off, or would drop a user's own
	// values for.
	check(holds capacity, n int64) error
	referrer(s *sender) sockets.Referrer
	// fetcher connects; the context bounds that alone.
	fetcher(ctx context.Context, from directions, deadline time.Duration) (fetcher, error)
}

// fetcher gets a payload to which a reference has come.
type fetcher interface {
	// fetch fills into. Where it copies from other memory of this process, copied is when the
	// payload was there; it is zero where the payload is read straight into its place.
	fetch(id uint64, into []byte) (copied int64, err error)
	Close() error
}

// values are SET by the source, with a lifetime, and GET by its targets. The one of a route is
// there during a hand-off alone.
type values struct{}

func (values) check(holds capacity, n int64) error {
	if holds.memory > 0 && holds.evicts != "" && holds.used+n > holds.memory {
		return fmt.Errorf("to hold %s the server would evict other values: %s of its maxmemory of %s are in use and its policy is %s; raise maxmemory, or set maxmemory-policy noeviction",
			payloads.FormatSize(n), payloads.FormatSize(holds.used), payloads.FormatSize(holds.memory), holds.evicts)
	}
	return holds.check(n)
}

func (values) referrer(s *sender) sockets.Referrer { return &setter{s} }

func (values) fetcher(ctx context.Context, from directions, deadline time.Duration) (fetcher, error) {
	c, err := connect(ctx, from.Server, deadline)
	if err != nil {
		return nil, err
	}
	return &getter{c, from.Key}, nil
}

type setter struct{ *sender }

func (s *setter) Refer(_ *modes.Region, payload []byte) (stream.Reference, bool, error) {
	reference, err := s.begin(payload)
	if err == nil {
		err = s.explain("SET the payload", s.client.Set(context.Background(), s.key, payload, s.lifetime).Err())
	}
	return reference, true, err
}

func (s *setter) Finish(*modes.Region, []byte, int) error {
	return s.explain("delete the payload", s.client.Del(context.Background(), s.key).Err())
}

type getter struct {
	client *client
	key    string
}

func (g *getter) fetch(_ uint64, into []byte) (copied int64, err error) {
	n, err := g.client.GetToBuffer(context.Background(), g.key, into).Result()
	if err == nil && n != len(into) {
		err = fmt.Errorf("it has %d bytes, %d were announced", n, len(into))
	}
	return 0, explain("GET the payload", err)
}

func (g *getter) Close() error { return g.client.Close() }

// messages are PUBLISHed to targets that have SUBSCRIBEd. References go first: a target has made
// room when the message comes, which then waits for nothing.
type messages struct{}

func (messages) check(holds capacity, n int64) error {
	if holds.output > 0 && n > holds.output {
		return fmt.Errorf("the server cuts off subscribers that %s wait for: its client-output-buffer-limit pubsub is %s; raise it, or set it to 0 0 0", payloads.FormatSize(n), payloads.FormatSize(holds.output))
	}
	return holds.check(n)
}

func (messages) referrer(s *sender) sockets.Referrer {
	p := &publisher{sender: s}
	p.then = p.publish
	return p
}

func (messages) fetcher(ctx context.Context, from directions, deadline time.Duration) (fetcher, error) {
	ctx, cancel := context.WithTimeout(ctx, max(deadline, connectTimeout))
	defer cancel()
	library := newClient(from.Server, deadline)
	s := &subscriber{library.Subscribe(ctx), library, max(deadline, 0), 0, nil}
	err := s.Subscribe(ctx, from.Key)
	if err == nil {
		_, err = s.Receive(ctx) // that the subscription holds
	}
	if err != nil {
		return nil, errors.Join(explain("SUBSCRIBE at "+from.Server.Address, err), s.Close())
	}
	return s, nil
}

type publisher struct {
	*sender
	then    func() error
	payload []byte
	err     error
}

func (p *publisher) Refer(_ *modes.Region, payload []byte) (stream.Reference, bool, error) {
	reference, err := p.begin(payload)
	reference.Then, p.payload = p.then, payload
	return reference, true, err
}

func (p *publisher) publish() error {
	p.err = p.explain("PUBLISH the payload", p.client.Publish(context.Background(), p.key, p.payload).Err())
	return p.err
}

func (p *publisher) Finish(*modes.Region, []byte, int) error { return p.err }

// subscriber gets messages in the order of the references' IDs, which begin with 1.
type subscriber struct {
	*redis.PubSub
	library  *redis.Client
	deadline time.Duration
	// seen is the ID of the last one. What this target had no place for waits to be skipped.
	seen uint64
	// broken is why messages are out of step with references.
	broken error
}

func (s *subscriber) fetch(id uint64, into []byte) (copied int64, err error) {
	var received any
	for ; s.broken == nil && s.seen < id; s.seen++ {
		received, s.broken = s.ReceiveTimeout(context.Background(), s.deadline)
	}
	copied = measure.Now()
	if s.broken == nil {
		if message, ok := received.(*redis.Message); !ok || copy(into, message.Payload) != len(message.Payload) || len(message.Payload) != len(into) {
			s.broken = errors.New("something else came than what was referred to")
		}
	}
	return copied, explain("wait for the message", s.broken)
}

func (s *subscriber) Close() error {
	_ = s.PubSub.Close() // an error is that it is closed
	return s.library.Close()
}
