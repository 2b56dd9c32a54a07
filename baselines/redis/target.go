package redis

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"rrbench/measure"
	"rrbench/transport"
)

// meter is the process' one meter: pieces of usage that several targets of a process take
// add up to the whole.
var meter = measure.NewMeter()

// introductionPatience bounds how long a connection may take to introduce itself, and how
// long its target may take to connect to the server.
const introductionPatience = 10 * time.Second

// leavingPatience bounds how long a source waits for the one before it to leave.
const leavingPatience = time.Second

// Serve implements transport.Transport.
func (r relay) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	chosen, err := r.checkSetup(setup)
	if err != nil {
		return nil, err
	}
	made, err := r.newReceiver(ctx, setup)
	if err != nil {
		return nil, fmt.Errorf("%s: target: %w", r.name, err)
	}
	nonce := make([]byte, nonceSize)
	// It never fails; see crypto/rand.
	_, _ = rand.Read(nonce)
	listener, err := listen(lineNetwork(chosen))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: target: %w", r.name, err), made.Close())
	}
	t := &target{
		relay:    r,
		receiver: made,
		limit:    wireLimit(setup),
		deadline: setup.Deadline,
		listener: listener,
		endpoint: transport.Endpoint{
			Transport: r.name,
			Network:   string(lineNetwork(chosen)),
			Address:   listener.Addr().String(),
			Nonce:     nonce,
		},
		ended: make(chan struct{}),
		free:  make(chan struct{}, 1),
	}
	t.free <- struct{}{}
	t.closing, t.close = context.WithCancel(context.Background())
	go t.serve()
	return t, nil
}

// lineNetwork is that of the lines between shims: the server's where it is a private one.
func lineNetwork(of place) Network {
	if of.Private {
		return of.Network
	}
	return Unix
}

// listen makes the address of a line: a name in the abstract namespace, so that no file
// can be left over, or a port of loopback.
func listen(over Network) (net.Listener, error) {
	if over == TCP {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	var name [16]byte
	_, _ = rand.Read(name[:])
	return net.Listen("unix", "@rrbench-redis-"+hex.EncodeToString(name[:]))
}

// target is a function whose shim is a server's client.
type target struct {
	relay
	receiver receiver
	// limit is how long a value may be, in bytes.
	limit    int64
	deadline time.Duration
	listener net.Listener
	endpoint transport.Endpoint

	closing context.Context
	close   context.CancelFunc
	ended   chan struct{}
	closed  sync.Once
	// free holds a token: the function serves one source at a time.
	free chan struct{}
}

func (t *target) Endpoint() transport.Endpoint { return t.endpoint }

// Close ends what is under way, and then the function. A handler that does not return is
// waited for.
func (t *target) Close() (err error) {
	t.closed.Do(func() {
		t.close()
		_ = t.listener.Close()
		<-t.ended
		err = t.receiver.Close()
	})
	return err
}

// serve lets sources in until the listener closes, and waits for them.
func (t *target) serve() {
	defer close(t.ended)
	var conversations sync.WaitGroup
	defer conversations.Wait()
	for {
		connection, err := t.listener.Accept()
		if err != nil {
			return
		}
		conversations.Go(func() { t.converse(connection) })
	}
}

// converse serves one source until it, or the target, ends.
func (t *target) converse(connection net.Conn) {
	defer connection.Close()
	stop := context.AfterFunc(t.closing, func() { _ = connection.Close() })
	defer stop()
	_ = tune(connection)
	l := newLine(connection, introductionPatience)
	refuse := func(err error) { _ = l.answer(&transport.Delivery{Err: err}) }
	to, err := l.beIntroduced(func(nonce []byte) bool {
		return subtle.ConstantTimeCompare(nonce, t.endpoint.Nonce) == 1
	})
	if err != nil {
		refuse(err)
		return
	}
	// A source that has just left may not have been noticed yet.
	select {
	case <-t.free:
		defer func() { t.free <- struct{}{} }()
	case <-time.After(leavingPatience):
		refuse(errors.New("the function already serves another source"))
		return
	case <-t.closing.Done():
		return
	}
	ctx, cancel := context.WithTimeout(t.closing, introductionPatience)
	defer cancel()
	if t.way == plainly {
		client, err := connectPlain(ctx, to.Server, t.deadline)
		if err != nil {
			refuse(err)
			return
		}
		defer client.Close()
		l.deadline = t.deadline
		t.fetch(l, func(memory []byte) error { return client.get(to.Key, memory) })
		return
	}
	if t.way == messages {
		client := newClient(to.Server, t.deadline)
		defer client.Close()
		l.deadline = t.deadline
		t.listenTo(ctx, l, client, to.Key)
		return
	}
	client, err := connect(ctx, to.Server, t.deadline)
	if err != nil {
		refuse(err)
		return
	}
	defer client.Close()
	l.deadline = t.deadline
	t.fetch(l, func(memory []byte) error {
		value := client.GetToBuffer(t.closing, to.Key, memory)
		if n := len(value.Bytes()); value.Err() == nil && n != len(memory) {
			return fmt.Errorf("it has %d bytes, %d were announced", n, len(memory))
		}
		return value.Err()
	})
}

// fetch answers each value that the line tells of. The function get fills memory with it.
func (t *target) fetch(l *line, get func(memory []byte) error) {
	var reply transport.Delivery
	meter.Take()
	for err := l.answer(&reply); err == nil; err = l.answer(&reply) {
		length, err := l.await()
		if err != nil {
			return
		}
		reply = t.handle(length, func(memory []byte, reply *transport.Delivery) error {
			if err := get(memory); err != nil {
				return explain("GET the payload", err)
			}
			reply.Timeline.Received = measure.Now()
			reply.Timeline.CopiedIn = reply.Timeline.Received
			return nil
		})
	}
}

// garbageLimit is how many bytes of messages that were handled are left lying about. The
// library allocates every message, and shims of WebAssembly functions leave collecting to
// those who make garbage: between two payloads, here, the pages are still warm for the next.
const garbageLimit = 16 << 20

// listenTo answers each message of a channel.
func (t *target) listenTo(ctx context.Context, l *line, client *redis.Client, channel string) {
	subscription := client.Subscribe(ctx, channel)
	defer subscription.Close()
	// The first message says that the subscription holds.
	if _, err := subscription.Receive(ctx); err != nil {
		_ = l.answer(&transport.Delivery{Err: explain("SUBSCRIBE", err)})
		return
	}
	// A source says nothing more; its end ends the subscription.
	if err := l.unbound(); err != nil {
		return
	}
	listening, cancel := context.WithCancel(t.closing)
	var watching sync.WaitGroup
	watching.Go(func() {
		_, _ = io.Copy(io.Discard, l.from)
		cancel()
		_ = subscription.Close()
	})
	defer watching.Wait()
	defer l.connection.Close()
	defer cancel()

	var reply transport.Delivery
	garbage := 0
	meter.Take()
	for err := l.answer(&reply); err == nil; err = l.answer(&reply) {
		if garbage >= garbageLimit {
			runtime.GC()
			garbage = 0
		}
		message, err := subscription.ReceiveMessage(listening)
		received := measure.Now()
		if err != nil {
			if listening.Err() == nil {
				_ = l.answer(&transport.Delivery{Err: explainCut(err)})
			}
			return
		}
		garbage += len(message.Payload)
		reply = t.handle(uint64(len(message.Payload)), func(memory []byte, reply *transport.Delivery) error {
			copy(memory, message.Payload)
			reply.Timeline.Received = received
			reply.Timeline.CopiedIn = measure.Now()
			return nil
		})
	}
}

// handle has fill put a payload into the function's memory and enters the handler.
func (t *target) handle(length uint64, fill func(memory []byte, reply *transport.Delivery) error) (reply transport.Delivery) {
	err := t.deliver(length, fill, &reply)
	reply.Usage = meter.Take()
	reply.Err = err
	return reply
}

func (t *target) deliver(length uint64, fill func([]byte, *transport.Delivery) error, reply *transport.Delivery) error {
	if length == 0 || length > uint64(t.limit) {
		return fmt.Errorf("a value of %d bytes: this function was set up for 1 to %d", length, t.limit)
	}
	memory, err := t.receiver.place(length)
	if err != nil {
		return err
	}
	if err := fill(memory, reply); err != nil {
		return errors.Join(err, t.receiver.release())
	}
	return errors.Join(t.receiver.handle(reply), t.receiver.release())
}

// explainCut is explain for a subscriber, whom the server may have sent away.
func explainCut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("wait for a message: %w (has redis-server ended, or is the message longer than its client-output-buffer-limit pubsub?)", err)
	}
	return explain("wait for a message", err)
}
