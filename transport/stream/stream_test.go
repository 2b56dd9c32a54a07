package stream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buffer is a receiver without a function: it reads into one buffer and digests natively.
type buffer struct {
	memory   []byte
	placed   []byte
	live     atomic.Int32
	handled  atomic.Int32
	refuse   error
	fail     error
	blocking chan struct{}
}

func (b *buffer) Place(n uint64) ([]byte, error) {
	if b.refuse != nil {
		return nil, b.refuse
	}
	if uint64(len(b.memory)) < n {
		b.memory = make([]byte, n)
	}
	b.placed = b.memory[:n]
	b.live.Add(1)
	return b.placed, nil
}

func (b *buffer) Consume(d *transport.Delivery) error {
	b.handled.Add(1)
	if b.blocking != nil {
		<-b.blocking
	}
	d.Digest = payloads.Digest(b.placed)
	return b.fail
}

func (b *buffer) Release() error {
	b.live.Add(-1)
	return nil
}

// overEach runs a test over each kind of socket, at the address for Listen.
func overEach(t *testing.T, test func(t *testing.T, address string)) {
	for name, address := range map[string]string{"unix": "", "tcp": "127.0.0.1:0", "tcp6": "[::1]:0"} {
		t.Run(name, func(t *testing.T) {
			if name == "tcp6" && !hasIPv6() {
				t.Skip("this machine has no IPv6 on loopback")
			}
			before := transporttest.Descriptors(t)
			t.Cleanup(func() { transporttest.CheckDescriptors(t, before) })
			test(t, address)
		})
	}
}

func hasIPv6() bool {
	l, err := Listen("[::1]:0")
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

func mustServe(t *testing.T, address string, service Service) (*Listener, transport.Endpoint) {
	t.Helper()
	l, err := Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	l.Serve(service)
	return l, l.Endpoint("test")
}

func mustOpen(t *testing.T, options FanOptions, endpoints ...transport.Endpoint) *Fan {
	t.Helper()
	fan, err := OpenFan(context.Background(), endpoints, options)
	if err != nil {
		t.Fatal(err)
	}
	return fan
}

func mustClose(t *testing.T, closer interface{ Close() error }) {
	t.Helper()
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}

func payload(size int64, seed uint64) []byte {
	p := make([]byte, size)
	payloads.Fill(p, payloads.Bytes, seed)
	return p
}

func checkDelivery(t *testing.T, d *transport.Delivery, p []byte) {
	t.Helper()
	if d.Err != nil {
		t.Error(d.Err)
		return
	}
	if d.Length != uint64(len(p)) || d.Digest != payloads.Digest(p) {
		t.Errorf("target saw %d bytes with digest %x, want %d with %x", d.Length, d.Digest, len(p), payloads.Digest(p))
	}
	transporttest.CheckTimeline(t, 0, &d.Timeline)
}

func TestPayloadsArrive(t *testing.T) {
	overEach(t, func(t *testing.T, address string) {
		for _, fanout := range []int{1, 3} {
			var endpoints []transport.Endpoint
			var opened []*Listener
			for range fanout {
				l, endpoint := mustServe(t, address, Service{Receiver: &buffer{}, Deadline: 20 * time.Second})
				opened, endpoints = append(opened, l), append(endpoints, endpoint)
			}
			fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 20 * time.Second}, endpoints...)
			var handoff transport.Handoff
			for i, size := range []int64{1, 7, 64, 4096, 65536, 1<<20 + 1, 64} {
				p := payload(size, uint64(i))
				if closed := fan.Send(p, &handoff); closed != 0 {
					t.Errorf("%d connections closed", closed)
				}
				if len(handoff.Deliveries) != fanout {
					t.Fatalf("%d deliveries", len(handoff.Deliveries))
				}
				for k := range handoff.Deliveries {
					checkDelivery(t, &handoff.Deliveries[k], p)
				}
			}
			mustClose(t, fan)
			for _, l := range opened {
				mustClose(t, l)
			}
		}
	})
}

func TestSendAllocatesNothing(t *testing.T) {
	overEach(t, func(t *testing.T, address string) {
		l, endpoint := mustServe(t, address, Service{Receiver: &buffer{memory: make([]byte, 4096)}, Deadline: time.Second})
		defer mustClose(t, l)
		fan := mustOpen(t, FanOptions{Transport: "test", Deadline: time.Second}, endpoint)
		defer mustClose(t, fan)
		p := payload(4096, 1)
		var handoff transport.Handoff
		// Both ends live in this process, so both are counted.
		if n := testing.AllocsPerRun(100, func() { fan.Send(p, &handoff) }); n != 0 {
			t.Errorf("%v allocations a hand-off", n)
		}
		checkDelivery(t, &handoff.Deliveries[0], p)
	})
}

// A target that cannot take a payload says why, and the next hand-off on the same
// connection succeeds.
func TestFailureKeepsConnection(t *testing.T) {
	overEach(t, func(t *testing.T, address string) {
		b := &buffer{}
		l, endpoint := mustServe(t, address, Service{Receiver: b, Limit: 2 << 20, Deadline: 20 * time.Second})
		defer mustClose(t, l)
		fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 20 * time.Second}, endpoint)
		defer mustClose(t, fan)
		large := payload(2<<20, 1)
		var handoff transport.Handoff
		for _, test := range []struct {
			name         string
			payload      []byte
			refuse, fail error
			want         string
		}{
			{"no memory", large, errors.New("no memory for it"), nil, "no memory for it"},
			{"handler fails", large, nil, errors.New("guest trapped in handle\nunreachable"), "guest trapped in handle unreachable"},
			{"too long", payload(2<<20+1, 1), nil, nil, "longer than the 2097152 bytes agreed on"},
			{"long text", large, errors.New(strings.Repeat("ä", transport.TextLimit)), nil, strings.Repeat("ä", transport.TextLimit/2)},
			{"empty", nil, nil, nil, "it is empty"},
		} {
			b.refuse, b.fail = test.refuse, test.fail
			if closed := fan.Send(test.payload, &handoff); closed != 0 {
				t.Errorf("%s: %d connections closed", test.name, closed)
			}
			if err := handoff.Deliveries[0].Err; err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: error is %v, want %q in it", test.name, err, test.want)
			}
			b.refuse, b.fail = nil, nil
			fan.Send(large, &handoff)
			checkDelivery(t, &handoff.Deliveries[0], large)
		}
		if live := b.live.Load(); live != 0 {
			t.Errorf("%d places were not released", live)
		}
	})
}

// One target fails, the others get their payload, then and later.
func TestOneTargetOfMany(t *testing.T) {
	overEach(t, func(t *testing.T, address string) {
		var endpoints []transport.Endpoint
		var opened []*Listener
		for range 3 {
			l, endpoint := mustServe(t, address, Service{Receiver: &buffer{}, Deadline: 20 * time.Second})
			opened, endpoints = append(opened, l), append(endpoints, endpoint)
			defer mustClose(t, l)
		}
		fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 20 * time.Second}, endpoints...)
		defer mustClose(t, fan)
		mustClose(t, opened[1])
		p := payload(1<<20, 1)
		var handoff transport.Handoff
		for round := range 2 {
			closed := fan.Send(p, &handoff)
			if want := 1 - round; closed != want {
				t.Errorf("round %d: %d connections closed, want %d", round, closed, want)
			}
			checkDelivery(t, &handoff.Deliveries[0], p)
			checkDelivery(t, &handoff.Deliveries[2], p)
			if handoff.Deliveries[1].Err == nil {
				t.Error("the closed target got its payload")
			}
		}
	})
}

// A payload of a second source waits until the handler is done with the first one's.
func TestSourcesTakeTurns(t *testing.T) {
	b := &buffer{blocking: make(chan struct{})}
	l, endpoint := mustServe(t, "", Service{Receiver: b, Deadline: 20 * time.Second})
	defer mustClose(t, l)
	var sending sync.WaitGroup
	for source := range uint64(3) {
		fan := mustOpen(t, FanOptions{Transport: "test"}, endpoint)
		defer mustClose(t, fan)
		sending.Go(func() {
			var handoff transport.Handoff
			p := payload(1000, source)
			fan.Send(p, &handoff)
			checkDelivery(t, &handoff.Deliveries[0], p)
		})
	}
	for handled := range int32(3) {
		b.blocking <- struct{}{}
		if n := b.live.Load(); n > 1 || b.handled.Load() > handled+2 {
			t.Errorf("%d payloads are in the receiver", n)
		}
	}
	sending.Wait()
}

// A target that has its most sources refuses another, until one goes.
func TestTooManySources(t *testing.T) {
	l, endpoint := mustServe(t, "", Service{Receiver: &buffer{}, Deadline: time.Second})
	defer mustClose(t, l)
	for range mostSources {
		l.places <- struct{}{}
	}
	if fan, err := OpenFan(context.Background(), []transport.Endpoint{endpoint}, FanOptions{Transport: "test"}); err == nil {
		mustClose(t, fan)
		t.Error("a source too many was welcome")
	} else if !strings.Contains(err.Error(), "already serves") {
		t.Error(err)
	}
	<-l.places
	mustClose(t, mustOpen(t, FanOptions{Transport: "test"}, endpoint))
}

// A handler that takes longer than the deadline fails its delivery, not the process.
func TestSlowHandler(t *testing.T) {
	overEach(t, func(t *testing.T, address string) {
		b := &buffer{blocking: make(chan struct{})}
		l, endpoint := mustServe(t, address, Service{Receiver: b, Deadline: 20 * time.Second})
		fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 50 * time.Millisecond}, endpoint)
		var handoff transport.Handoff
		if closed := fan.Send(payload(64, 1), &handoff); closed != 1 {
			t.Errorf("%d connections closed", closed)
		}
		if err := handoff.Deliveries[0].Err; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		fan.Send(payload(64, 1), &handoff)
		if err := handoff.Deliveries[0].Err; err == nil || !strings.Contains(err.Error(), "earlier failure") {
			t.Error(err)
		}
		close(b.blocking)
		mustClose(t, fan)
		mustClose(t, l)
	})
}

func TestOpenRefuses(t *testing.T) {
	l, good := mustServe(t, "", Service{Receiver: &buffer{}})
	defer mustClose(t, l)
	with := func(change func(*transport.Endpoint)) transport.Endpoint {
		e := good
		change(&e)
		return e
	}
	for _, test := range []struct {
		endpoint transport.Endpoint
		want     string
	}{
		{with(func(e *transport.Endpoint) { e.Nonce = make([]byte, transport.NonceSize) }), "does not accept this endpoint's nonce"},
		{with(func(e *transport.Endpoint) { e.Nonce = e.Nonce[:31] }), "31 bytes"},
		{with(func(e *transport.Endpoint) { e.Address = "@x" }), "not the absolute path of a Unix socket"},
		{with(func(e *transport.Endpoint) { e.Address = "/" + strings.Repeat("x", 107) }), "at most 107 bytes"},
		{with(func(e *transport.Endpoint) { e.Address += "0" }), "connect: no such file or directory"},
		{with(func(e *transport.Endpoint) { e.Transport = "http/native" }), `"http/native", not of "test"`},
		{with(func(e *transport.Endpoint) { e.Network = "udp" }), "neither unix nor tcp"},
		{with(func(e *transport.Endpoint) { e.Network = "tcp" }), "not IP:port"},
		{with(func(e *transport.Endpoint) { e.Network, e.Address = "tcp", "localhost:1" }), "not IP:port"},
	} {
		fan, err := OpenFan(context.Background(), []transport.Endpoint{good, test.endpoint}, FanOptions{Transport: "test"})
		if err == nil {
			mustClose(t, fan)
			t.Errorf("%+v was reached", test.endpoint)
		} else if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "target 1") {
			t.Errorf("error is %q, want %q in it", err, test.want)
		}
	}
	if _, err := OpenFan(context.Background(), nil, FanOptions{Transport: "test"}); err == nil {
		t.Error("a route to nowhere was opened")
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := OpenFan(cancelled, []transport.Endpoint{good}, FanOptions{Transport: "test"}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
}

// A writer that cannot be made fails Open and leaves nothing open.
func TestOpenWithoutWriter(t *testing.T) {
	overEach(t, func(t *testing.T, address string) {
		l, endpoint := mustServe(t, address, Service{Receiver: &buffer{}})
		defer mustClose(t, l)
		want := errors.New("no pipe")
		if _, err := OpenFan(context.Background(), []transport.Endpoint{endpoint}, FanOptions{Transport: "test", NewWriter: func() (Writer, error) { return nil, want }}); !errors.Is(err, want) {
			t.Error(err)
		}
	})
}

func TestCloseEndsHandler(t *testing.T) {
	overEach(t, func(t *testing.T, address string) {
		l, endpoint := mustServe(t, address, Service{Receiver: &buffer{}})
		fan := mustOpen(t, FanOptions{Transport: "test"}, endpoint)
		mustClose(t, l)
		mustClose(t, l)
		var handoff transport.Handoff
		fan.Send(payload(8<<20, 1), &handoff)
		if handoff.Deliveries[0].Err == nil {
			t.Error("a closed target took a payload")
		}
		mustClose(t, fan)
		mustClose(t, fan)
	})
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "localhost:0", "127.0.0.1:99999", "203.0.113.1:1"} {
		if l, err := Listen(address); err == nil {
			mustClose(t, l)
			t.Errorf("listens on %q", address)
		} else if !strings.Contains(err.Error(), fmt.Sprintf("%.9s", address)) {
			t.Errorf("error does not name %q: %v", address, err)
		}
	}
}
