package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/redis/go-redis/v9"

	"rrbench/measure"
	"rrbench/modes"
	"rrbench/modes/sockets"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// route adds the server's usage to hand-offs.
type route struct {
	*sockets.Route
	sender *sender
}

var _ transport.Served = (*route)(nil)

func (r *route) Send(handoff *transport.Handoff) (err error) {
	if err = r.Route.Send(handoff); err == nil {
		handoff.Server, err = r.sender.server.usage.Take()
	}
	return err
}

func (r *route) Server() transport.Server { return r.sender.server.usage }

// keyPrefix marks our keys on a user's server.
const keyPrefix = "rrbench:payload:"

// sender writes payloads from a source's memory to a server, and refers to them there.
type sender struct {
	server *server
	client *client
	// key is the payload's, or the channel's name.
	key string
	// lifetime is after what time a value expires whose source was killed. It is longer than a hand-off.
	lifetime time.Duration
	lastID   uint64

	// publish is publishPayload where payloads are messages. A message goes after its references: targets have
	// made room when it comes.
	publish func() error
	payload []byte
	err     error
}

func (s *sender) Refer(_ *modes.Region, payload []byte) (stream.Reference, bool, error) {
	s.lastID++
	s.payload = payload
	err := s.server.holds.check(int64(len(payload)), s.publish != nil)
	if err == nil && s.publish == nil {
		err = s.server.explain("SET the payload", s.client.Set(context.Background(), s.key, payload, s.lifetime).Err())
	}
	return stream.Reference{ID: s.lastID, Descriptor: -1, Then: s.publish}, true, err
}

func (s *sender) publishPayload() error {
	s.err = s.server.explain("PUBLISH the payload", s.client.Publish(context.Background(), s.key, s.payload).Err())
	return s.err
}

// Finish deletes a value: it is there during a hand-off alone.
func (s *sender) Finish(*modes.Region, []byte, int) error {
	if s.publish != nil {
		return s.err
	}
	return s.server.explain("delete the payload", s.client.Del(context.Background(), s.key).Err())
}

func (s *sender) Released([]uint64) {}
func (s *sender) Close() error      { return errors.Join(s.client.Close(), s.server.release()) }

// directions lead targets to payloads: the server's URL, and the key or channel there.
type directions struct{ URL, Key string }

// resolver finds payloads in a server.
type resolver struct {
	receiver
	messages bool
	deadline time.Duration

	// client is connected to the server of the source, key is that of its payloads, and stop ends the wait for
	// the end of the target.
	client *client
	key    string
	stop   func() bool
	// seen is the ID of the last message: messages come in the order of the references, whose IDs begin with 1.
	// broken is why they are out of step.
	seen   uint64
	broken error
	// received is when a message had come; it is zero for a value, which is read straight into its place.
	// garbage is how many bytes of messages have come since the last collection.
	received int64
	garbage  int
}

var (
	_ stream.Preparer = (*resolver)(nil)
	_ stream.Sharing  = (*resolver)(nil)
)

// ForSource returns a resolver that fetches by a connection of its own.
func (r *resolver) ForSource() stream.Receiver {
	fresh := *r // which is never prepared
	return &fresh
}

func (r *resolver) Prepare(ctx context.Context, encoded []byte) error {
	var from directions
	if err := json.Unmarshal(encoded, &from); err != nil {
		return fmt.Errorf("read where the server is: %w", err)
	}
	r.Disconnected()
	channel := ""
	if r.messages {
		channel = from.Key
	}
	c, err := connect(ctx, from.URL, channel, r.deadline)
	if err == nil {
		r.client, r.key, r.stop = c, from.Key, context.AfterFunc(ctx, func() { _ = c.Close() })
	}
	return err
}

func (r *resolver) Place(uint64) ([]byte, error) {
	return nil, errors.New("payloads come through a server, not with their announcement")
}

func (r *resolver) Resolve(n uint64, reference stream.Reference) error {
	if r.client == nil {
		return errors.New("no server was named")
	}
	into, err := r.receiver.Place(n)
	if err != nil {
		return err
	}
	if err = r.fetch(reference.ID, into); err != nil {
		err = errors.Join(err, r.receiver.Release())
	}
	return err
}

func (r *resolver) fetch(id uint64, into []byte) error {
	if !r.messages {
		n, err := r.client.GetToBuffer(context.Background(), r.key, into).Result()
		if err == nil && n != len(into) {
			err = fmt.Errorf("it has %d bytes, %d were announced", n, len(into))
		}
		return explain("GET the payload", err)
	}
	var received any
	// Messages that there was no place for are skipped.
	for ; r.broken == nil && r.seen < id; r.seen++ {
		received, r.broken = r.client.subscription.ReceiveTimeout(context.Background(), max(r.deadline, 0))
	}
	r.received = measure.Now()
	if message, ok := received.(*redis.Message); r.broken == nil && (!ok || len(message.Payload) != len(into)) {
		r.broken = errors.New("something else came than what was referred to")
	} else if r.broken == nil {
		r.garbage += copy(into, message.Payload)
	}
	return explain("wait for the message", r.broken)
}

// Consume fills in when the payload had come into this process.
func (r *resolver) Consume(d *transport.Delivery) error {
	d.Timeline.Received = cmp.Or(r.received, d.Timeline.CopiedIn)
	return r.receiver.Consume(d)
}

// garbageLimit is after how many bytes of messages garbage is collected. The library allocates every
// message, and shims of WebAssembly functions leave collecting to what makes garbage: between two payloads,
// here, the pages are still warm for the next.
const garbageLimit = 16 << 20

func (r *resolver) Release() error {
	if r.garbage >= garbageLimit {
		runtime.GC()
		r.garbage = 0
	}
	return r.receiver.Release()
}

func (r *resolver) Holds() (held bool, released uint64) { return false, 0 }

func (r *resolver) Disconnected() {
	if r.client != nil {
		r.stop()
		_ = r.client.Close()
	}
	r.client = nil
}
